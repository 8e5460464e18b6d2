//! Doing something in another namespace: on a thread of its own, which ends with it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread;

use nix::sched::{CloneFlags, setns};

/// Runs `work` on a thread that is in the network namespace `net`.
///
/// # Panics
/// When `work` panics.
pub(super) fn in_network<T: Send>(net: &File, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    on_thread(|| {
        setns(net.as_fd(), CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

/// Runs `work` on a fresh thread and waits for it, so that what it does to its namespaces ends with it.
/// An error of its own means that no thread could be started.
///
/// # Panics
/// When `work` panics.
pub(super) fn on_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, work)?.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// The calling thread's network namespace, as a descriptor that keeps it alive.
pub(super) fn current_network() -> std::io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}
