//! What programs in a lab see as the file system.
//!
//! A tmpfs holds read-only binds of the host's system directories, a made-up `/etc`, a few devices and
//! nothing else of the host. Each view (a node, the operator) is a mount namespace derived from the
//! worker's own, with what it must not see taken away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, pivot_root};

use crate::model::event::NodeAddress;
use crate::runtime::Unmet;
use crate::runtime::process::require::explain;

/// The `lab` program, see `build.rs`.
const COCKPIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lab"));

/// Where the cockpit listens.
pub(super) const LAB_SOCKET: &str = "/run/lab.sock";
/// Where the cockpit program is; first in every `PATH`.
pub(super) const LAB_PATH: &str = "/opt/lab/bin";
/// The data directories of all nodes, only in the worker's view.
const NODES: &str = "/nodes";

/// System directories that a lab shares with the host, read-only, where they exist.
const SHARED: [&str; 9] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix/store", "gnu/store"];
/// Files and directories under `/etc` that programs need and that say nothing about the host's users.
const SHARED_ETC: [&str; 6] = ["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "terminfo", "localtime"];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

type Outcome = Result<(), Unmet>;

/// Makes the lab's root and moves into it. `hidden` paths under the shared directories are covered.
pub(super) fn enter(hidden: &[PathBuf], nodes: &[(NodeAddress, u64)]) -> Outcome {
    let step = |what: &'static str| move |error| explain(what, error);
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(step("private mounts"))?;
    // Any directory does for a mount point; nothing outside this mount namespace sees it.
    let root = Path::new("/tmp");
    mount_tmpfs(root, "mode=755,size=16m")?;
    for name in SHARED {
        share(&Path::new("/").join(name), &root.join(name))?;
    }
    for path in hidden {
        hide(root, path)?;
    }
    make_dirs(
        root,
        &["dev/shm", "etc", "proc", "tmp", "root", "run", "data", "var/tmp", "opt/lab/bin", "nodes", "old"],
    )?;
    for name in DEVICES {
        share(&Path::new("/dev").join(name), &root.join("dev").join(name))?;
    }
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        file("link", symlink(Path::new("/proc/self").join(target), root.join("dev").join(name)))?;
    }
    for name in SHARED_ETC {
        share(&Path::new("/etc").join(name), &root.join("etc").join(name))?;
    }
    write_etc(&root.join("etc"), nodes)?;
    let cockpit = root.join("opt/lab/bin/lab");
    file("write", fs::write(&cockpit, COCKPIT))?;
    file("chmod", fs::set_permissions(&cockpit, fs::Permissions::from_mode(0o755)))?;

    pivot_root(root, &root.join("old")).map_err(step("pivot_root"))?;
    chdir("/").map_err(step("chdir"))?;
    mount_proc()?;
    umount2("/old", MntFlags::MNT_DETACH).map_err(step("umount"))?;
    file("rmdir", fs::remove_dir("/old"))?;
    for (node, bytes) in nodes {
        let path = node_data(&node.name);
        file("mkdir", fs::create_dir_all(&path))?;
        mount_tmpfs(&path, &format!("mode=755,size={bytes}"))?;
    }
    mount_tmpfs(Path::new("/run"), "mode=755,size=1m")
}

/// Makes the root read-only and forbids further user namespaces; after everything that is written there has been.
pub(super) fn seal() -> Outcome {
    // A user namespace would give a program in the lab capabilities again, and with them mount namespaces of its own.
    file("set limit", fs::write("/proc/sys/user/max_user_namespaces", "0"))?;
    read_only(Path::new("/"), false)
}

/// The worker's path of a node's data directory.
pub(super) fn node_data(name: &str) -> PathBuf {
    Path::new(NODES).join(name)
}

/// Turns the calling thread's mount namespace into a node's view.
pub(super) fn node_view(name: &str) -> Outcome {
    new_view()?;
    bind(&node_data(name), Path::new("/data"))?;
    for private in ["/tmp", "/run", "/root", "/var/tmp"] {
        mount_tmpfs(Path::new(private), "mode=1777,size=16m")?;
    }
    mount_tmpfs(Path::new("/opt/lab"), "mode=755,size=4k,nr_inodes=1,ro")?;
    umount_nodes()
}

/// Turns the calling thread's mount namespace into the operator's view.
pub(super) fn operator_view() -> Outcome {
    new_view()?;
    for private in ["/tmp", "/root", "/var/tmp"] {
        mount_tmpfs(Path::new(private), "mode=1777,size=64m")?;
    }
    umount_nodes()
}

/// Mounts the `/proc` of the calling process's pid namespace over whatever is there.
/// Async-signal-safe: called between fork and exec.
pub(super) fn mount_proc_here() -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
}

fn mount_proc() -> Outcome {
    mount_proc_here().map_err(|error| explain("mount /proc", error))
}

fn new_view() -> Outcome {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| explain("mount namespace", error))
}

fn umount_nodes() -> Outcome {
    // The tmpfs mounts below go one by one, then an empty one covers the directory's names.
    mount_tmpfs(Path::new(NODES), "mode=755,size=4k,nr_inodes=2")
}

fn write_etc(etc: &Path, nodes: &[(NodeAddress, u64)]) -> Outcome {
    let named = nodes.iter().map(|(node, _)| format!("{} {}\n", node.address, node.name));
    let hosts: String = std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(named).collect();
    let files = [
        ("hosts", hosts.as_str()),
        ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("resolv.conf", ""),
        ("os-release", "PRETTY_NAME=\"Linux\"\nID=linux\n"),
    ];
    for (name, text) in files {
        file("write", fs::write(etc.join(name), text))?;
    }
    Ok(())
}

/// Binds a host path read-only, or copies it when it is a symbolic link; nothing when it does not exist.
fn share(from: &Path, to: &Path) -> Outcome {
    let Ok(meta) = fs::symlink_metadata(from) else { return Ok(()) };
    if let Some(parent) = to.parent() {
        file("mkdir", fs::create_dir_all(parent))?;
    }
    if meta.is_symlink() {
        let target = file("readlink", fs::read_link(from))?;
        return file("link", symlink(target, to));
    }
    if meta.is_dir() {
        file("mkdir", fs::create_dir_all(to))?;
    } else {
        file("create", fs::File::create(to).map(drop))?;
    }
    bind(from, to)?;
    read_only(to, true)
}

/// Covers a path that a shared directory would otherwise show.
fn hide(root: &Path, path: &Path) -> Outcome {
    let Ok(below) = path.strip_prefix("/") else { return Ok(()) };
    let to = root.join(below);
    match fs::metadata(&to) {
        Ok(meta) if meta.is_dir() => mount_tmpfs(&to, "mode=755,size=4k,nr_inodes=1,ro"),
        Ok(_) => bind(Path::new("/dev/null"), &to),
        Err(_) => Ok(()),
    }
}

fn bind(from: &Path, to: &Path) -> Outcome {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(|error| explain(&format!("bind {}", from.display()), error))
}

fn mount_tmpfs(at: &Path, options: &str) -> Outcome {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options))
        .map_err(|error| explain(&format!("tmpfs {}", at.display()), error))
}

/// Sets the read-only attribute, which unlike a remount keeps the flags that are locked.
fn read_only(path: &Path, recursive: bool) -> Outcome {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        userns_fd: u64,
    }
    const MOUNT_ATTR_RDONLY: u64 = 1;
    let attr = MountAttr { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, userns_fd: 0 };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    let Ok(name) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else {
        return Err(explain("mount_setattr", nix::Error::EINVAL));
    };
    // SAFETY: `name` and `attr` live through the call and `attr` has the size that is passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            name.as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    nix::Error::result(result).map(drop).map_err(|error| explain("mount_setattr", error))
}

fn make_dirs(root: &Path, names: &[&str]) -> Outcome {
    names.iter().try_for_each(|name| file("mkdir", fs::create_dir_all(root.join(name))))
}

/// Turns an I/O error of setting up files into an explanation.
fn file<T>(what: &str, result: std::io::Result<T>) -> Result<T, Unmet> {
    result.map_err(|error| explain(what, nix::Error::from_raw(error.raw_os_error().unwrap_or(0))))
}
