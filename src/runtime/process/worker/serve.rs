//! The worker's side of the control socket.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::lab::{Ground, Lab};
use super::{cockpit, exec, rootfs};
use crate::model::event::Actor;
use crate::runtime::process::protocol::{Answer, Call, Failure, Report, Request, read_frame, write_frame};
use crate::runtime::{LabRequest, NodeAction};

/// Most descriptors in one message; the kernel's own limit is 253.
pub(in crate::runtime::process) const MOST_SOCKETS: u32 = 64;

/// Opens the cockpit's socket, before the root is sealed.
pub(super) fn listen() -> io::Result<std::os::unix::net::UnixListener> {
    let listener = std::os::unix::net::UnixListener::bind(rootfs::LAB_SOCKET)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Starts all nodes, then answers requests until the harness is gone or asks for the end.
pub(super) async fn serve(
    provision: u64,
    control: StdUnixStream,
    sockets: OwnedFd,
    ground: Ground,
    request: LabRequest,
    program: &OwnedFd,
    listener: std::os::unix::net::UnixListener,
) -> io::Result<()> {
    control.set_nonblocking(true)?;
    let (mut reader, mut writer) = UnixStream::from_std(control)?.into_split();
    let (lab, mut changes) = Lab::new(ground, request, program, listener)?;
    tokio::spawn(cockpit::serve(lab.clone()));
    let (reports, mut queue) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(report) = queue.recv().await {
            if write_frame(&mut writer, &report).await.is_err() {
                // The harness is gone; the reading side sees it too.
                return;
            }
        }
    });
    let forward = reports.clone();
    tokio::spawn(async move {
        while let Some(change) = changes.recv().await {
            let _ = forward.send(Report::Change(change));
        }
    });
    let _ = reports.send(Report::Answer(provision, start_all(&lab).await));

    let desk = Arc::new(Desk { lab, sockets, running: Mutex::default() });
    while let Ok(Some(Call { id, request })) = read_frame(&mut reader).await {
        match request {
            Request::Shutdown => break,
            Request::Cancel(other) => desk.cancel(other),
            request => {
                let (cancel, canceled) = oneshot::channel();
                desk.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, cancel);
                let (desk, reports) = (desk.clone(), reports.clone());
                tokio::spawn(async move {
                    // Whatever goes wrong, whoever asked must not wait for ever.
                    let answer = AssertUnwindSafe(desk.answer(request, canceled)).catch_unwind().await;
                    let answer = answer.unwrap_or_else(|_| Err(Failure::Other("the lab worker panicked".into())));
                    desk.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                    let _ = reports.send(Report::Answer(id, answer));
                });
            }
        }
    }
    // The kernel ends every process of the lab together with this one, its first.
    std::process::exit(0)
}

async fn start_all(lab: &Lab) -> Result<Answer, Failure> {
    for node in &lab.nodes {
        node.act(NodeAction::Start, Actor::Harness).await.map_err(Failure::Other)?;
    }
    Ok(Answer::Up(lab.nodes.iter().map(|node| node.address.clone()).collect()))
}

struct Desk {
    lab: Arc<Lab>,
    sockets: OwnedFd,
    running: Mutex<HashMap<u64, oneshot::Sender<()>>>,
}

impl Desk {
    fn cancel(&self, id: u64) {
        if let Some(cancel) = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            let _ = cancel.send(());
        }
    }

    async fn answer(&self, request: Request, canceled: oneshot::Receiver<()>) -> Result<Answer, Failure> {
        let lab = &self.lab;
        let node = |name: &str| lab.node(name).ok_or_else(|| Failure::NoSuchNode(name.to_owned()));
        match request {
            Request::Sockets(count) => self.send_sockets(count).map_err(|error| Failure::Other(error.to_string())),
            Request::State(name) => Ok(Answer::State(node(&name)?.state())),
            Request::Act(name, action) => {
                node(&name)?.act(action, Actor::Harness).await.map(Answer::State).map_err(Failure::Other)
            }
            Request::Exec(exec) => exec::run(lab, exec, canceled).await.map(Answer::Exec).map_err(Failure::Other),
            Request::Logs(name, lines) => Ok(Answer::Text(node(&name)?.log(lines, None))),
            Request::Rules => Ok(Answer::Rules(lab.rules())),
            Request::AddRules(rules) => {
                let port = |name: &str| node(name).map(|node| node.place.host);
                let rules = rules.into_iter().map(|rule| Ok((port(&rule.from)?, port(&rule.to)?, rule.action)));
                Ok(Answer::Ids(lab.switch.add(rules.collect::<Result<Vec<_>, Failure>>()?)))
            }
            Request::RemoveRules(ids) => {
                Ok(Answer::Count(lab.remove_rules(Actor::Harness, |rule| ids.contains(&rule.id))))
            }
            Request::Reach(pairs, wait) => {
                lab.beacons.measure(&pairs, wait).await.map(Answer::Reach).map_err(Failure::NoSuchNode)
            }
            Request::Freeze => lab.freeze().await.map(Answer::Count).map_err(Failure::Other),
            Request::Provision(..) | Request::Cancel(_) | Request::Shutdown => Ok(Answer::Done),
        }
    }

    /// Unconnected TCP sockets of the client's namespace, in which this thread is.
    fn send_sockets(&self, count: u32) -> io::Result<Answer> {
        let sockets =
            (0..count.min(MOST_SOCKETS)).map(|_| tokio::net::TcpSocket::new_v4()).collect::<io::Result<Vec<_>>>()?;
        let fds: Vec<_> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
        let bytes = [io::IoSlice::new(&[0])];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(self.sockets.as_raw_fd(), &bytes, &rights, MsgFlags::empty(), None)?;
        Ok(Answer::Done)
    }
}
