//! The harness's side of a lab: [`Lab`] over the worker's socket.

use std::collections::HashMap;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};

use super::leftovers::Traces;
use super::protocol::{Answer, Call, Failure, Report, Request, read_frame, write_frame};
use super::sockets::{BATCH, Sockets};
use crate::model::event::NodeAddress;
use crate::runtime::{
    Exec, ExecOutput, Frozen, Lab, LabChange, LabError, LinkRule, NewLinkRule, NodeAction, NodeState, Reach, Stream,
    Teardown,
};

/// How long the worker may take to end before it is killed.
const END: Duration = Duration::from_secs(2);

/// A lab of the process runtime.
pub(super) struct ProcessLab {
    nodes: Vec<NodeAddress>,
    line: Line,
    sockets: Sockets,
    fetching: tokio::sync::Mutex<()>,
    changes: tokio::sync::Mutex<mpsc::UnboundedReceiver<LabChange>>,
    worker: Arc<Worker>,
}

/// The worker's process.
pub(super) struct Worker {
    child: Mutex<Child>,
    /// By which its end is known.
    traces: Traces,
}

/// Calls to the worker and their answers.
#[derive(Clone)]
pub(super) struct Line {
    next: Arc<AtomicU64>,
    waiting: Arc<Mutex<Option<Waiting>>>,
    calls: mpsc::UnboundedSender<Call>,
}

/// `None` in [`Line::waiting`] once the worker is gone.
type Waiting = HashMap<u64, oneshot::Sender<Result<Answer, Failure>>>;

impl Line {
    /// Starts the two tasks that write and read; changes go to the receiver.
    pub(super) fn new(control: UnixStream) -> (Self, mpsc::UnboundedReceiver<LabChange>) {
        let (reader, mut writer) = control.into_split();
        let (calls, mut queue) = mpsc::unbounded_channel::<Call>();
        let (changes, receiver) = mpsc::unbounded_channel();
        let line = Self { next: Arc::default(), waiting: Arc::new(Mutex::new(Some(HashMap::new()))), calls };
        tokio::spawn(async move {
            while let Some(call) = queue.recv().await {
                if write_frame(&mut writer, &call).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(receive(reader, line.waiting.clone(), changes));
        (line, receiver)
    }

    /// Asks and waits for the answer. When the future is dropped, the worker is told to give up.
    pub(super) async fn call(&self, request: Request) -> Result<Answer, LabError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let gone = || LabError::Gone("its worker has ended".into());
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(gone)?.insert(id, sender);
        self.calls.send(Call { id, request }).map_err(|_| gone())?;
        let mut guard = CancelGuard { line: self, id: Some(id) };
        let answer = receiver.await;
        guard.id = None;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Environment(unmet))) => Err(LabError::Environment(unmet)),
            Ok(Err(Failure::NoSuchNode(name))) => Err(LabError::NoSuchNode(name)),
            Ok(Err(Failure::Other(text))) => Err(LabError::Failed(text)),
            Err(_) => Err(gone()),
        }
    }

    fn tell(&self, request: Request) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.calls.send(Call { id, request });
    }
}

struct CancelGuard<'a> {
    line: &'a Line,
    id: Option<u64>,
}

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.line.tell(Request::Cancel(id));
        }
    }
}

async fn receive(
    mut reader: OwnedReadHalf,
    waiting: Arc<Mutex<Option<Waiting>>>,
    changes: mpsc::UnboundedSender<LabChange>,
) {
    while let Ok(Some(report)) = read_frame(&mut reader).await {
        match report {
            Report::Answer(id, answer) => {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
                    let _ = sender.send(answer);
                }
            }
            Report::Change(change) => {
                let _ = changes.send(change);
            }
        }
    }
    // Dropping the senders tells all who wait.
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
}

impl Worker {
    pub(super) fn new(child: Child) -> Self {
        let traces = Traces::of(child.id());
        Self { child: Mutex::new(child), traces }
    }

    /// Takes hold of the lab's first process; once it is there.
    pub(super) fn record(&self) -> io::Result<()> {
        self.traces.record()
    }

    /// What is still there after the end, a line each. Waits for the kernel.
    fn leftovers(&self) -> Vec<String> {
        self.traces.leftovers()
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already. Its end is that of everything in the lab.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn has_ended(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(child.try_wait(), Ok(None))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl ProcessLab {
    pub(super) fn new(
        nodes: Vec<NodeAddress>,
        line: Line,
        changes: mpsc::UnboundedReceiver<LabChange>,
        sockets: Sockets,
        worker: Arc<Worker>,
    ) -> Self {
        Self {
            nodes,
            line,
            sockets,
            fetching: tokio::sync::Mutex::default(),
            changes: tokio::sync::Mutex::new(changes),
            worker,
        }
    }

    async fn socket(&self) -> io::Result<tokio::net::TcpSocket> {
        loop {
            if let Some(socket) = self.sockets.take() {
                return Ok(socket);
            }
            let _one_at_a_time = self.fetching.lock().await;
            if let Some(socket) = self.sockets.take() {
                return Ok(socket);
            }
            self.line.call(Request::Sockets(BATCH)).await.map_err(io::Error::other)?;
            self.sockets.receive().await?;
        }
    }
}

/// An answer of another kind than asked for is a mistake in this program.
fn mismatch(answer: &Answer) -> LabError {
    LabError::Failed(format!("the worker gave an unexpected answer: {answer:?}"))
}

macro_rules! ask {
    ($lab:expr, $request:expr, $pattern:pat => $result:expr) => {
        match $lab.line.call($request).await? {
            $pattern => Ok($result),
            other => Err(mismatch(&other)),
        }
    };
}

#[async_trait]
impl Lab for ProcessLab {
    fn nodes(&self) -> &[NodeAddress] {
        &self.nodes
    }

    async fn connect(&self, node: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let node = self.nodes.iter().find(|known| known.name == node).ok_or(io::ErrorKind::NotFound)?;
        let stream = self.socket().await?.connect((node.address, port).into()).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn node_state(&self, node: &str) -> Result<NodeState, LabError> {
        ask!(self, Request::State(node.into()), Answer::State(state) => state)
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<NodeState, LabError> {
        ask!(self, Request::Act(node.into(), action), Answer::State(state) => state)
    }

    async fn exec(&self, exec: Exec) -> Result<ExecOutput, LabError> {
        ask!(self, Request::Exec(exec), Answer::Exec(output) => output)
    }

    async fn logs(&self, node: &str, lines: usize) -> Result<String, LabError> {
        ask!(self, Request::Logs(node.into(), lines), Answer::Text(text) => text)
    }

    async fn link_rules(&self) -> Result<Vec<LinkRule>, LabError> {
        ask!(self, Request::Rules, Answer::Rules(rules) => rules)
    }

    async fn add_link_rules(&self, rules: Vec<NewLinkRule>) -> Result<Vec<u32>, LabError> {
        ask!(self, Request::AddRules(rules), Answer::Ids(ids) => ids)
    }

    async fn remove_link_rules(&self, ids: Vec<u32>) -> Result<u32, LabError> {
        ask!(self, Request::RemoveRules(ids), Answer::Count(count) => count)
    }

    async fn reach(&self, pairs: Vec<(String, String)>, wait: Duration) -> Result<Vec<Reach>, LabError> {
        ask!(self, Request::Reach(pairs, wait), Answer::Reach(reach) => reach)
    }

    async fn freeze(&self) -> Result<Frozen, LabError> {
        ask!(self, Request::Freeze, Answer::Count(ended) => Frozen { ended })
    }

    async fn next_change(&self) -> Option<LabChange> {
        self.changes.lock().await.recv().await
    }

    async fn teardown(&self) -> Teardown {
        self.line.tell(Request::Shutdown);
        let ended = async {
            let mut pause = Duration::from_micros(500);
            while !self.worker.has_ended() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(10));
            }
        };
        if tokio::time::timeout(END, ended).await.is_err() {
            self.worker.kill();
        }
        let worker = self.worker.clone();
        match tokio::task::spawn_blocking(move || worker.leftovers()).await {
            Ok(leftovers) => Teardown { leftovers },
            Err(error) => Teardown { leftovers: vec![format!("it could not be looked for leftovers: {error}")] },
        }
    }

    fn kill(&self) {
        self.worker.kill();
    }
}
