//! The fake lab: [`Lab`] over a [`World`], and knobs for tests.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::super::{
    Exec, ExecOutput, Frozen, Lab, LabChange, LabError, LabRequest, LinkRule, NewLinkRule, NodeAction, NodeState,
    Place, Reach, Stream, Teardown,
};
use super::world::World;
use super::{Behaviour, Options, serve, shell};
use crate::model::event::{Actor, NodeAddress, NodeChange};

/// Longest the streams of a connection buffer, bytes.
const STREAM_BUFFER: usize = 64 * 1024;

/// A lab in memory. Clones are the same lab.
#[derive(Debug, Clone)]
pub struct FakeLab {
    pub(super) shared: Arc<Shared>,
    /// Only in what the runtime hands out.
    _owner: Option<Arc<Owner>>,
}

/// Ends the lab when it is dropped.
#[derive(Debug)]
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.end("it was dropped");
    }
}

/// What the lab's tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    nodes: Vec<NodeAddress>,
    world: Mutex<World>,
    /// Grows with every change of the world that somebody may wait for.
    version: watch::Sender<u64>,
    changes: Mutex<Option<mpsc::UnboundedSender<LabChange>>>,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<LabChange>>,
}

impl Shared {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the world is so.
    pub(super) async fn until(&self, so: impl Fn(&World) -> bool) {
        let mut version = self.version.subscribe();
        while !so(&self.world()) {
            if version.changed().await.is_err() {
                return;
            }
        }
    }

    pub(super) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Does something to a node and, when it was not the harness, reports it.
    pub(super) fn act(&self, node: &str, action: &NodeAction, by: Actor) -> Result<(), LabError> {
        let changes = {
            let mut world = self.world();
            let index = world.index(node)?;
            world.act(index, action)?
        };
        self.changed();
        for change in changes {
            self.report(node, change, by);
        }
        Ok(())
    }

    pub(super) fn report(&self, node: &str, change: NodeChange, by: Actor) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(changes), false) = (&*changes, by == Actor::Harness) {
            // The receiver lives as long as this lab does.
            let _ = changes.send(LabChange { node: node.to_owned(), change, by });
        }
    }

    fn end(&self, reason: &str) {
        let mut world = self.world();
        if world.gone.is_none() {
            world.gone = Some(reason.to_owned());
        }
        drop(world);
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.changed();
    }
}

impl FakeLab {
    /// A lab whose nodes have these names, the role `store` and port 80.
    pub fn new(names: &[&str], options: Options) -> Self {
        let nodes = names.iter().zip(1..).map(|(name, host)| NodeAddress {
            name: (*name).to_owned(),
            role: "store".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, host),
            port: 80,
        });
        Self::with_nodes(nodes.collect(), options)
    }

    pub(super) fn from_request(request: &LabRequest, options: Options) -> Self {
        let nodes = request.nodes.iter().zip(1..).map(|(node, host)| NodeAddress {
            name: node.name.clone(),
            role: node.role.clone(),
            address: Ipv4Addr::new(10, 0, 0, host),
            port: node.port,
        });
        Self::with_nodes(nodes.collect(), options)
    }

    /// A lab with these nodes.
    pub fn with_nodes(nodes: Vec<NodeAddress>, options: Options) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            world: Mutex::new(World::new(&nodes, options)),
            nodes,
            version: watch::Sender::new(0),
            changes: Mutex::new(Some(sender)),
            next: tokio::sync::Mutex::new(receiver),
        };
        Self { shared: Arc::new(shared), _owner: None }
    }

    /// The same lab; it ends when the last clone of this value is dropped.
    pub(super) fn owned(&self) -> Self {
        Self { shared: self.shared.clone(), _owner: Some(Arc::new(Owner(self.shared.clone()))) }
    }
}

#[async_trait]
impl Lab for FakeLab {
    fn nodes(&self) -> &[NodeAddress] {
        &self.shared.nodes
    }

    async fn connect(&self, node: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let (index, life) = {
            let world = self.shared.world();
            let index = world.index(node).map_err(io::Error::other)?;
            let node = &world.nodes[index];
            let refuses = matches!(node.state, NodeState::Down(_))
                || node.behaviour == Behaviour::Refuse
                || port != self.shared.nodes[index].port;
            if refuses {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            (index, node.life)
        };
        let (near, far) = tokio::io::duplex(STREAM_BUFFER);
        tokio::spawn(serve::serve(self.shared.clone(), index, life, far));
        Ok(Box::new(near))
    }

    async fn node_state(&self, node: &str) -> Result<NodeState, LabError> {
        let world = self.shared.world();
        let index = world.index(node)?;
        Ok(world.nodes[index].state.clone())
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<NodeState, LabError> {
        self.shared.act(node, &action, Actor::Harness)?;
        self.node_state(node).await
    }

    async fn exec(&self, exec: Exec) -> Result<ExecOutput, LabError> {
        let by = match &exec.place {
            Place::Operator => Actor::Operator,
            Place::Node(node) => {
                self.shared.world().index(node)?;
                Actor::Harness
            }
        };
        if let Some(reason) = &self.shared.world().gone {
            return Err(LabError::Gone(reason.clone()));
        }
        Ok(shell::run(&self.shared, &exec, by).await)
    }

    async fn logs(&self, node: &str, lines: usize) -> Result<String, LabError> {
        let world = self.shared.world();
        let index = world.index(node)?;
        let log = &world.nodes[index].log;
        Ok(log[log.len().saturating_sub(lines)..].join("\n"))
    }

    async fn link_rules(&self) -> Result<Vec<LinkRule>, LabError> {
        Ok(self.shared.world().rules.clone())
    }

    async fn add_link_rules(&self, rules: Vec<NewLinkRule>) -> Result<Vec<u32>, LabError> {
        self.shared.world().add_rules(rules)
    }

    async fn remove_link_rules(&self, ids: Vec<u32>) -> Result<u32, LabError> {
        let removed = self.shared.world().remove_rules(|rule| ids.contains(&rule.id));
        Ok(u32::try_from(removed.len()).unwrap_or(u32::MAX))
    }

    async fn reach(&self, pairs: Vec<(String, String)>, wait: Duration) -> Result<Vec<Reach>, LabError> {
        let reached: Vec<Reach> = {
            let mut world = self.shared.world();
            for (from, to) in &pairs {
                world.index(from)?;
                world.index(to)?;
            }
            let send = |(from, to)| world.packet(from, to);
            pairs.into_iter().map(send).collect()
        };
        if reached.iter().any(|reach| reach.took_us.is_none()) {
            sleep(wait).await;
        }
        Ok(reached)
    }

    async fn freeze(&self) -> Result<Frozen, LabError> {
        let mut world = self.shared.world();
        if world.options.freeze_fails {
            return Err(LabError::Failed("a process of the operator cannot be ended".to_owned()));
        }
        let now = Instant::now();
        let ended = world.background.drain(..).filter(|end| *end > now).count();
        Ok(Frozen { ended: u32::try_from(ended).unwrap_or(u32::MAX) })
    }

    async fn next_change(&self) -> Option<LabChange> {
        self.shared.next.lock().await.recv().await
    }

    async fn teardown(&self) -> Teardown {
        self.shared.end("it was taken down");
        Teardown { leftovers: self.shared.world().options.leftovers.clone() }
    }

    fn kill(&self) {
        self.shared.end("it was killed");
    }
}
