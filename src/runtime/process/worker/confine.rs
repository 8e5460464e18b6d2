//! Starting programs inside a lab: which namespaces they are in and what they may do.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use tokio::sync::oneshot;

use super::namespace::on_thread;
use super::reaper::{Exit, Reaper};
use super::rootfs;
use crate::runtime::Unmet;

/// Capabilities by number, from the kernel's include/uapi/linux/capability.h.
pub(super) mod capability {
    pub(in super::super) const DAC_OVERRIDE: u32 = 1;
    pub(in super::super) const FOWNER: u32 = 3;
    pub(in super::super) const KILL: u32 = 5;
    pub(in super::super) const NET_BIND_SERVICE: u32 = 10;
    pub(in super::super) const NET_ADMIN: u32 = 12;
    pub(in super::super) const NET_RAW: u32 = 13;
    const LAST: u32 = 63;

    /// Takes all others away from the calling process and from what it executes. Async-signal-safe.
    pub(super) fn keep_only(keep: u64) -> std::io::Result<()> {
        for number in 0..=LAST {
            if keep & (1 << number) == 0 {
                // SAFETY: takes no pointer. Numbers that the kernel does not know are refused: fine.
                unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
            }
        }
        // SAFETY: takes no pointer.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    }
}

/// Where a program's file system view comes from.
pub(super) enum View<'a> {
    /// A new view of this node's files.
    Node(&'a str),
    /// A new view for the operator.
    Operator,
    /// The view of a running process, or a copy of it.
    Of {
        /// `/proc/PID/ns/mnt`.
        mounts: &'a File,
        /// True: changes of mounts stay private, and the process can be told apart by its namespace.
        copy: bool,
    },
}

/// Which pid namespace a program starts in.
pub(super) enum Pids<'a> {
    /// A new one, with a `/proc` of its own; the program is its first process.
    New,
    /// That of a running process (`/proc/PID/ns/pid`).
    Of(&'a File),
}

/// Processes and threads that all programs of a lab may have together; the kernel counts them per user namespace.
const MOST_PROCESSES: u64 = 2048;

/// How a program is confined.
pub(super) struct Confinement<'a> {
    pub net: &'a File,
    pub view: View<'a>,
    pub pids: Pids<'a>,
    pub host_name: &'a str,
    /// Bit set of the capabilities that it keeps.
    pub capabilities: u64,
}

/// A program that was started.
pub(super) struct Started {
    pub child: Child,
    /// Tells how it ended.
    pub exit: oneshot::Receiver<Exit>,
    /// Its mount namespace. Its descendants cannot leave it, for they lack the capabilities and cannot make a user
    /// namespace to get them (see `rootfs::seal`). As long as this is open, no other one gets its number.
    pub mounts: File,
}

/// Starts `command`, in a session of its own, and returns when it was executed.
pub(super) fn spawn(reaper: &Reaper, mut command: Command, confinement: &Confinement<'_>) -> io::Result<Started> {
    let Confinement { net, view, pids, host_name, capabilities } = confinement;
    let (capabilities, new_pids) = (*capabilities, matches!(pids, Pids::New));
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            if new_pids {
                rootfs::mount_proc_here()?;
            }
            limit(libc::RLIMIT_CORE, 0);
            limit(libc::RLIMIT_NPROC, MOST_PROCESSES);
            capability::keep_only(capabilities)
        });
    }
    on_thread(|| {
        // Opened now: in another view `/proc` may not know this thread.
        let own = nix::fcntl::open(
            "/proc/thread-self/ns",
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        // A thread that shares its root and working directory with others cannot change mount namespaces.
        unshare(CloneFlags::CLONE_FS)?;
        setns(net.as_fd(), CloneFlags::CLONE_NEWNET)?;
        unshare(CloneFlags::CLONE_NEWUTS)?;
        nix::unistd::sethostname(host_name)?;
        match view {
            View::Node(name) => rootfs::node_view(name).map_err(explained)?,
            View::Operator => rootfs::operator_view().map_err(explained)?,
            View::Of { mounts, copy } => {
                setns(mounts.as_fd(), CloneFlags::CLONE_NEWNS)?;
                if *copy {
                    unshare(CloneFlags::CLONE_NEWNS)?;
                }
            }
        }
        match pids {
            Pids::New => unshare(CloneFlags::CLONE_NEWPID)?,
            Pids::Of(file) => setns(file.as_fd(), CloneFlags::CLONE_NEWPID)?,
        }
        let mounts = nix::fcntl::openat(&own, "mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let (child, exit) = reaper.spawn(&mut command)?;
        Ok(Started { child, exit, mounts: File::from(mounts) })
    })
}

/// Async-signal-safe. A limit that cannot be set is one that is lower already.
fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    let value = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the value lives through the call.
    unsafe { libc::setrlimit(resource, &raw const value) };
}

fn explained(unmet: Unmet) -> io::Error {
    io::Error::other(unmet.problem)
}
