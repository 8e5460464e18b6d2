//! The process runtime: labs of Linux namespaces, without Docker and without root.
//!
//! One lab is one set of user, mount, pid, network, ipc and uts namespaces whose first process is the
//! worker (`worker`). When it dies, for whatever reason, the kernel removes everything; the worker dies
//! with the harness. Each node has its own network namespace, joined to the others by a switch in the
//! worker. This module is the only one that knows namespaces, mounts or packet sockets.

mod client;
mod launch;
mod leftovers;
mod protocol;
mod require;
mod sockets;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub use worker::stage::Start as WorkerStart;
pub use worker::worker_main;

use self::client::{Line, ProcessLab, Worker};
use self::protocol::{Answer, Request};
use self::sockets::Sockets;
use self::worker::stage::{FAILED, GO_ON, NEED_MAPS, READY};
use super::{Lab, LabError, LabRequest, Requirement, Runtime, Unmet};

/// Labs of Linux namespaces.
#[derive(Debug, Clone)]
pub struct ProcessRuntime {
    /// What is executed as `PROGRAM lab-worker …`.
    program: PathBuf,
    /// Paths that no lab may show, should they lie under the shared system directories.
    hidden: Vec<PathBuf>,
}

impl ProcessRuntime {
    /// Hides this program and the working directory from labs.
    pub fn new() -> Self {
        Self::with_program("/proc/self/exe".into())
    }

    /// The same with `program` as the worker; for tests, which are not `harness` themselves.
    pub fn with_program(program: PathBuf) -> Self {
        let hidden = [std::env::current_exe(), std::env::current_dir()];
        Self { program, hidden: hidden.into_iter().flatten().filter(|path| is_own(path)).collect() }
    }
}

impl ProcessRuntime {
    /// Hides these files and folders too. Whole shared directories such as `/usr/share` cannot be hidden.
    #[must_use]
    pub fn hiding(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.hidden.extend(paths.into_iter().filter_map(|path| path.canonicalize().ok()).filter(|path| is_own(path)));
        self
    }
}

/// A place that programs do not need: below a shared directory, not one itself.
fn is_own(path: &Path) -> bool {
    const NEEDED: [&str; 9] = ["bin", "sbin", "lib", "lib32", "lib64", "libexec", "local", "share", "usr"];
    path.file_name().is_some_and(|name| !NEEDED.iter().any(|needed| name == *needed))
}

impl Default for ProcessRuntime {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn requirements(&self) -> Vec<Requirement> {
        // The real thing is the only honest test: some systems grant namespaces and take the
        // capabilities away.
        require::findings(match self.provision(LabRequest { nodes: Vec::new() }).await {
            Ok(lab) => {
                lab.teardown().await;
                Ok(())
            }
            Err(LabError::Environment(unmet)) => Err(unmet),
            Err(error) => Err(Unmet {
                requirement: "a lab".into(),
                problem: error.to_string(),
                remedy: "please report this with the output of `uname -a`".into(),
            }),
        })
    }

    async fn provision(&self, request: LabRequest) -> Result<Box<dyn Lab>, LabError> {
        let failed = |error: std::io::Error| LabError::Failed(format!("the lab did not start: {error}"));
        let launched = launch::start(self.program.clone()).await.map_err(failed)?;
        let pid = launched.child.id();
        // From here on, dropping the worker ends the lab.
        let worker = Arc::new(Worker::new(launched.child));
        launched.control.set_nonblocking(true).map_err(failed)?;
        let mut control = UnixStream::from_std(launched.control).map_err(failed)?;
        shake_hands(&mut control, pid).await?;
        worker.record().map_err(failed)?;
        let (line, changes) = Line::new(control);
        let Answer::Up(nodes) = line.call(Request::Provision(request, self.hidden.clone())).await? else {
            return Err(LabError::Failed("the worker gave an unexpected answer".into()));
        };
        let sockets = Sockets::new(launched.sockets).map_err(failed)?;
        Ok(Box::new(ProcessLab::new(nodes, line, changes, sockets, worker)))
    }
}

/// Follows the worker's first stage until the lab's first process is there.
async fn shake_hands(control: &mut UnixStream, pid: u32) -> Result<(), LabError> {
    let failed = |error: std::io::Error| LabError::Failed(format!("the lab worker ended while starting: {error}"));
    loop {
        match control.read_u8().await.map_err(failed)? {
            NEED_MAPS => {
                write_maps(pid).map_err(|error| {
                    LabError::Environment(Unmet {
                        requirement: require::USER_NAMESPACES.into(),
                        problem: format!("the id maps of a user namespace could not be written: {error}"),
                        remedy: "run harness as an ordinary user, or as root with CAP_SETUID and CAP_SETGID".into(),
                    })
                })?;
                control.write_u8(GO_ON).await.map_err(failed)?;
            }
            GO_ON => control.write_u8(GO_ON).await.map_err(failed)?,
            READY => return Ok(()),
            FAILED => {
                let mut text = Vec::new();
                control.read_to_end(&mut text).await.map_err(failed)?;
                return Err(match serde_json::from_slice(&text) {
                    Ok(unmet) => LabError::Environment(unmet),
                    Err(_) => LabError::Failed("the lab worker failed without saying why".into()),
                });
            }
            other => return Err(LabError::Failed(format!("the lab worker said {other:#x} while starting"))),
        }
    }
}

/// The lab's root is nobody outside, so that even a file of the host that is in view by mistake is not its own.
/// Where that id does not exist (in a container with few ids), it is this user.
fn write_maps(pid: u32) -> std::io::Result<()> {
    const NOBODY: u32 = 65534;
    let write = |file: &str, outside: u32| std::fs::write(format!("/proc/{pid}/{file}"), format!("0 {outside} 1"));
    write("uid_map", NOBODY).or_else(|_| write("uid_map", 0))?;
    write("gid_map", NOBODY).or_else(|_| write("gid_map", 0))
}
