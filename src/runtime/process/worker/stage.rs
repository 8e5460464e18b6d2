//! From an ordinary process to the first process of a lab's namespaces.
//!
//! Runs single-threaded, before any runtime exists. Stage one leaves the host's namespaces and forks;
//! the child is PID 1 of the lab and never executes another program, stage one only waits for it.
//! Both die with their parent.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Uid, fork, getppid, setgroups, setresgid, setresuid, setsid};

use crate::runtime::Unmet;
use crate::runtime::process::require::{USER_NAMESPACES, explain};

/// What the harness tells stage one on its command line.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Pid of the harness, to notice that it died before it could be watched.
    pub parent: u32,
    /// Descriptor of the control socket.
    pub control: i32,
    /// Descriptor of the socket over which descriptors are sent to the harness.
    pub sockets: i32,
}

impl Start {
    /// From the words after `lab-worker`; `None` when they are not what the harness passes.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || words.next()?.parse::<u32>().ok();
        let (parent, control, sockets) = (next()?, next()?, next()?);
        Some(Self { parent, control: control.cast_signed(), sockets: sockets.cast_signed() })
    }
}

/// Sent by stage one once it is in its own user namespace; the parent answers with the same byte
/// after writing the id maps, or closes the socket.
pub(in crate::runtime::process) const NEED_MAPS: u8 = b'm';
/// Sent by stage one when it wrote the maps itself, or by the parent.
pub(in crate::runtime::process) const GO_ON: u8 = b'g';
/// Sent by the lab's first process: requests can follow.
pub(in crate::runtime::process) const READY: u8 = b'r';
/// Sent when it failed; a JSON [`Unmet`] and the end of the stream follow.
pub(in crate::runtime::process) const FAILED: u8 = b'f';

/// What the worker starts from.
pub(super) struct Inherited {
    /// The connection to the harness.
    pub control: UnixStream,
    /// Takes descriptors to the harness.
    pub sockets: OwnedFd,
    /// This program, to start services with.
    pub program: OwnedFd,
}

/// Enters new namespaces. Returns only in the lab's first process; elsewhere it ends the process.
pub(super) fn enter(start: Start) -> Inherited {
    // SAFETY: the harness passes these two sockets under these numbers, and nothing else owns them.
    let (control, sockets) = unsafe { (OwnedFd::from_raw_fd(start.control), OwnedFd::from_raw_fd(start.sockets)) };
    let mut control = UnixStream::from(control);
    match leave_host(start, &mut control) {
        Ok(program) => match fork_init(start) {
            Ok(true) => {
                // An error here shows in the first read.
                let _ = control.write_all(&[READY]);
                Inherited { control, sockets, program }
            }
            Ok(false) => unreachable!("stage one ends in fork_init"),
            Err(unmet) => fail(control, &unmet),
        },
        Err(unmet) => fail(control, &unmet),
    }
}

fn fail(mut control: UnixStream, unmet: &Unmet) -> ! {
    let mut message = vec![FAILED];
    // Serialising two strings cannot fail, and there is nobody else to tell.
    message.extend(serde_json::to_vec(unmet).unwrap_or_default());
    let _ = control.write_all(&message);
    std::process::exit(1);
}

fn leave_host(start: Start, control: &mut UnixStream) -> Result<OwnedFd, Unmet> {
    let step = |what: &'static str| move |error: nix::Error| explain(what, error);
    die_with(start.parent).map_err(step("prctl"))?;
    // Terminal signals are for the harness, which then ends its labs in order.
    let _ = setsid();
    set_cloexec(start.control).and_then(|()| set_cloexec(start.sockets)).map_err(step("fcntl"))?;
    let program = nix::fcntl::open(
        "/proc/self/exe",
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
    .map_err(step("open"))?;

    let (uid, gid) = (Uid::current(), Gid::current());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(step("user namespace"))?;
    if uid.is_root() {
        // The parent can map any id: the lab's root is nobody outside.
        exchange(control, NEED_MAPS).map_err(|error| Unmet {
            requirement: USER_NAMESPACES.into(),
            problem: format!("the id maps of a user namespace could not be written: {error}"),
            remedy: "run harness as an ordinary user, or as root with CAP_SETUID".into(),
        })?;
        // Refused where an outer user namespace forbids it; what is then left of groups means nothing in here.
        let _ = setgroups(&[]);
    } else {
        let write = |file: &str, text: String| {
            fs::write(format!("/proc/self/{file}"), text).map_err(|error| explain("id maps", errno(&error)))
        };
        write("setgroups", "deny".into())?;
        write("uid_map", format!("0 {uid} 1"))?;
        write("gid_map", format!("0 {gid} 1"))?;
        exchange(control, GO_ON).map_err(|error| Unmet {
            requirement: USER_NAMESPACES.into(),
            problem: format!("the harness did not answer: {error}"),
            remedy: "run it again".into(),
        })?;
    }
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(root.1, root.1, root.1).map_err(step("setresgid"))?;
    setresuid(root.0, root.0, root.0).map_err(step("setresuid"))?;
    // Changing ids forgets it.
    die_with(start.parent).map_err(step("prctl"))?;

    unshare(CloneFlags::CLONE_NEWNS).map_err(step("mount namespace"))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(step("network namespace"))?;
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS)
        .map_err(step("pid namespace"))?;
    Ok(program)
}

/// Sends a byte and waits for [`GO_ON`].
fn exchange(control: &mut UnixStream, byte: u8) -> std::io::Result<()> {
    control.write_all(&[byte])?;
    let mut answer = [0];
    control.read_exact(&mut answer)?;
    if answer[0] == GO_ON { Ok(()) } else { Err(std::io::Error::other("refused")) }
}

/// True in the child, PID 1 of the lab. The parent waits here and ends as the child ends.
fn fork_init(start: Start) -> Result<bool, Unmet> {
    // SAFETY: this process has one thread.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            // The parent is outside this pid namespace: should it be dead already, the end of the
            // control socket tells.
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| explain("prctl", error))?;
            Ok(true)
        }
        Ok(ForkResult::Parent { child }) => {
            // Only PID 1 may hold the sockets: their end tells each side that the other is gone.
            let _ = nix::unistd::close(start.control);
            let _ = nix::unistd::close(start.sockets);
            loop {
                match waitpid(child, None) {
                    Ok(WaitStatus::Exited(_, code)) => std::process::exit(code),
                    Ok(WaitStatus::Signaled(..)) => std::process::exit(1),
                    Err(nix::Error::EINTR) | Ok(_) => {}
                    Err(_) => std::process::exit(1),
                }
            }
        }
        Err(error) => Err(explain("fork", error)),
    }
}

/// Asks for SIGKILL when the parent dies, and ends at once if that has already happened.
fn die_with(parent: u32) -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw().cast_unsigned() == parent {
        Ok(())
    } else {
        std::process::exit(1);
    }
}

fn set_cloexec(fd: i32) -> nix::Result<()> {
    // SAFETY: the descriptor is open for the whole life of this process.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).map(drop)
}

fn errno(error: &std::io::Error) -> nix::Error {
    nix::Error::from_raw(error.raw_os_error().unwrap_or(0))
}
