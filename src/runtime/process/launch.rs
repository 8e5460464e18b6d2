//! Starting a lab's worker.
//!
//! A worker asks the kernel to be killed when the *thread* that started it ends, so all workers are
//! started by one thread that lives as long as the process.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

use tokio::sync::oneshot;

/// A worker that has been started; nothing is set up yet.
pub(super) struct Launched {
    /// Stage one of the worker: the only process of a lab that is a child of the harness.
    pub child: Child,
    /// The connection to it.
    pub control: UnixStream,
    /// Brings sockets from it.
    pub sockets: UnixDatagram,
}

type Job = (PathBuf, oneshot::Sender<io::Result<Launched>>);

static STARTER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name("lab-starter".into())
        .spawn(move || {
            for (program, waiting) in receiver {
                if let Err(Ok(mut launched)) = waiting.send(launch(&program)) {
                    // Nobody waits any more.
                    let _ = launched.child.kill();
                    let _ = launched.child.wait();
                }
            }
        })
        .expect("a thread can be started");
    sender
});

/// Starts `program` as a worker.
pub(super) async fn start(program: PathBuf) -> io::Result<Launched> {
    let (sender, receiver) = oneshot::channel();
    let gone = |_| io::Error::other("the thread that starts labs has ended");
    STARTER.send((program, sender)).map_err(|_| io::Error::other("the thread that starts labs has ended"))?;
    receiver.await.map_err(gone)?
}

fn launch(program: &Path) -> io::Result<Launched> {
    let (control, its_control) = UnixStream::pair()?;
    let (sockets, its_sockets) = UnixDatagram::pair()?;
    let passed = [OwnedFd::from(its_control), OwnedFd::from(its_sockets)];
    let [control_fd, sockets_fd] = [passed[0].as_raw_fd(), passed[1].as_raw_fd()];
    let mut command = Command::new(program);
    command.arg0("harness").arg("lab-worker");
    command.args([std::process::id().to_string(), control_fd.to_string(), sockets_fd.to_string()]);
    // The worker's environment is not that of the harness, which may hold keys.
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(move || {
            for fd in [control_fd, sockets_fd] {
                // Only the child's copies outlive its exec.
                nix::Error::result(libc::fcntl(fd, libc::F_SETFD, 0))?;
            }
            Ok(())
        });
    }
    let child = command.spawn()?;
    Ok(Launched { child, control, sockets })
}
