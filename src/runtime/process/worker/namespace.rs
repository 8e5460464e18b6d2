//! Doing something in another namespace: on a thread of its own, which ends with it.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;

use nix::sched::{CloneFlags, setns};

/// Runs `work` on a thread that is in the network namespace `net`.
///
/// # Panics
/// When `work` panics.
pub(super) fn in_network<T: Send>(net: &File, work: impl FnOnce() -> T + Send) -> nix::Result<T> {
    on_thread(|| setns(net.as_fd(), CloneFlags::CLONE_NEWNET).map(|()| work()))
}

/// Runs `work` on a fresh thread and waits for it, so that what it does to its namespaces ends with it.
///
/// # Panics
/// When `work` panics.
pub(super) fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// The calling thread's network namespace, as a descriptor that keeps it alive.
pub(super) fn current_network() -> std::io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}
