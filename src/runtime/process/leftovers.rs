//! Proof that nothing of a lab is left.
//!
//! A lab's mounts, links and files exist only in its namespaces, and these exist only as long as a process is in
//! them. All of its processes are in one pid namespace (or below it), whose first process ends only after the kernel
//! has ended all others (`pid_namespaces(7)`). So the proof is the end of that one process, told by its pidfd, which
//! no later process with the same pid can be mistaken for.

use std::fs;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long the kernel may take to end a lab's processes.
const LIMIT: Duration = Duration::from_secs(10);

/// By which the end of one lab is known.
pub(super) struct Traces {
    stage_one: u32,
    init: OnceLock<(u32, OwnedFd)>,
}

impl Traces {
    /// Of the lab whose worker's first stage has this pid.
    pub(super) fn of(stage_one: u32) -> Self {
        Self { stage_one, init: OnceLock::new() }
    }

    /// Takes hold of the lab's first process; once it is there.
    pub(super) fn record(&self) -> std::io::Result<()> {
        let missing = || std::io::Error::other("the lab's first process is not there");
        let pid = child_of(self.stage_one).ok_or_else(missing)?;
        // SAFETY: takes no pointer; the descriptor that it returns is owned by nobody else.
        let fd = unsafe {
            let fd = nix::Error::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
            OwnedFd::from_raw_fd(i32::try_from(fd).map_err(std::io::Error::other)?)
        };
        // It was nobody else's pid at that moment, or else this one is not its parent any more.
        if child_of(self.stage_one) != Some(pid) {
            return Err(missing());
        }
        let _ = self.init.set((pid, fd));
        Ok(())
    }

    /// What is still there after the worker has been told to end, a line each. Waits for the kernel.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let Some((pid, fd)) = self.init.get() else { return Vec::new() };
        let mut ended = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX);
        if poll(&mut ended, limit).is_ok_and(|count| count > 0) {
            return Vec::new();
        }
        vec![format!("process {pid}, the first of the lab, and all that it has started")]
    }
}

/// The one child of a process.
fn child_of(parent: u32) -> Option<u32> {
    if let Ok(children) = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")) {
        return children.split_whitespace().next()?.parse().ok();
    }
    // Kernels without CONFIG_PROC_CHILDREN.
    let pids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    })
}
