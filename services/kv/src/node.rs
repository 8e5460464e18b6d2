//! One node: its storage, its peers, its consensus engine once it has joined, and what the rest
//! of the server asks about them.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use openraft::{Config, ServerState, SnapshotPolicy};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    args::Args,
    disk::Disk,
    election, keeper,
    metrics::Metrics,
    moment::Moment,
    net::{Peers, Transport},
    pipeline::{self, Read, Write},
    storage::{Identity, LogStore, Machine, StateMachine, StoreError},
    types::{Member, Raft, RaftMetrics},
};

/// A node that has an id and takes part in the cluster.
pub(crate) struct Joined {
    /// The id.
    pub(crate) id: u64,
    /// The consensus engine.
    pub(crate) raft: Raft,
    /// Writes to propose.
    pub(crate) writes: mpsc::Sender<Write>,
    /// Reads to confirm.
    pub(crate) reads: mpsc::Sender<Read>,
}

/// Who leads, as far as this node can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// This node.
    Mine,
    /// Another node, which was heard of recently.
    Theirs(u64, Member),
    /// Nobody known.
    Unknown,
}

/// One node.
pub(crate) struct Node {
    /// The command line.
    pub(crate) args: Args,
    /// Where everything is stored.
    pub(crate) data: PathBuf,
    /// The peers.
    pub(crate) peers: Arc<Peers>,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
    /// The replicated state.
    pub(crate) machine: Arc<Machine>,
    /// The log.
    pub(crate) log: LogStore,
    /// The disk.
    pub(crate) disk: Disk,
    /// Whether the disk of this node is full at present.
    pub(crate) disk_full: AtomicBool,
    /// When the process started.
    pub(crate) started: Instant,
    /// When a leader was last heard of.
    pub(crate) contact: Moment,
    /// When this node last became the leader.
    pub(crate) elected: Moment,
    /// When this node last did something after which it should wait before it campaigns.
    pub(crate) patience: Moment,
    /// Leadership is being handed over: proposals, reads and heartbeats pause.
    pub(crate) transferring: watch::Sender<bool>,
    /// Set when the store was empty although the cluster has already worked: the data may have been
    /// lost, so this node does not vote until it has caught up.
    pub(crate) must_catch_up: AtomicBool,
    /// The highest commit index a leader has announced to this node.
    pub(crate) announced: AtomicU64,
    /// Whether the node has been ready once.
    pub(crate) was_ready: AtomicBool,
    /// Serializes changes of the membership.
    pub(crate) changing_members: tokio::sync::Mutex<()>,
    /// Set when the server has to end because of an error.
    pub(crate) failure: watch::Sender<Option<String>>,
    joined: OnceLock<Joined>,
    joining: tokio::sync::Mutex<()>,
    tasks: Mutex<JoinSet<()>>,
}

impl Node {
    /// Opens the data directory. The node takes part once [`Node::join`] was called.
    pub(crate) fn open(args: Args) -> Result<Arc<Self>, StoreError> {
        let metrics = Arc::new(Metrics::default());
        let data = args.data.clone();
        Ok(Arc::new(Self {
            peers: Arc::default(),
            machine: Machine::open(&data)?,
            log: LogStore::open(&data, Arc::clone(&metrics))?,
            disk: Disk::new(&data, args.quota, args.reserve),
            metrics,
            args,
            data,
            disk_full: AtomicBool::new(false),
            started: Instant::now(),
            contact: Moment::default(),
            elected: Moment::default(),
            patience: Moment::default(),
            transferring: watch::Sender::new(false),
            must_catch_up: AtomicBool::new(false),
            announced: AtomicU64::new(0),
            was_ready: AtomicBool::new(false),
            changing_members: tokio::sync::Mutex::default(),
            failure: watch::Sender::new(None),
            joined: OnceLock::new(),
            joining: tokio::sync::Mutex::default(),
            tasks: Mutex::default(),
        }))
    }

    /// Runs `task` until the server ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Takes the id in `identity` for good and starts to take part. Does nothing if that has
    /// already happened; the caller compares the ids.
    pub(crate) async fn join(self: &Arc<Self>, identity: &Identity) -> anyhow::Result<()> {
        let _only_once = self.joining.lock().await;
        if self.joined.get().is_some() {
            return Ok(());
        }
        if Identity::load(&self.data)?.is_none() {
            identity.save(&self.data)?;
        }
        let raft = Raft::new(
            identity.id,
            Arc::new(self.raft_config()?),
            Transport(Arc::clone(&self.peers)),
            self.log.clone(),
            StateMachine(Arc::clone(&self.machine)),
        )
        .await?;
        let (writes, write_queue) = mpsc::channel(4096);
        let (reads, read_queue) = mpsc::channel(4096);
        let joined = Joined { id: identity.id, raft: raft.clone(), writes, reads };
        let _ = self.joined.set(joined);
        tracing::info!(id = identity.id, name = %identity.name, "taking part in the cluster");
        self.spawn(pipeline::write(Arc::clone(self), raft.clone(), write_queue));
        self.spawn(pipeline::confirm(Arc::clone(self), raft.clone(), read_queue));
        self.spawn(election::heartbeats(Arc::clone(self), raft.clone()));
        self.spawn(election::campaigns(Arc::clone(self), identity.id, raft.clone()));
        self.spawn(keeper::watch(Arc::clone(self), identity.id, raft.clone()));
        self.spawn(keeper::space(Arc::clone(self), identity.id, raft.clone()));
        self.spawn(keeper::compaction(Arc::clone(self), raft));
        Ok(())
    }

    /// Options of the Raft library. Elections and heartbeats are driven from [`crate::election`];
    /// what is left is the lease, during which followers of a live leader refuse other candidates,
    /// and the bounds of its messages.
    fn raft_config(&self) -> anyhow::Result<Config> {
        let lease = self.args.election.min.as_millis() as u64;
        let config = Config {
            cluster_name: "kv".into(),
            // This is the bound of append and confirm messages, not the interval of heartbeats.
            heartbeat_interval: lease * 3 / 4,
            election_timeout_min: lease - 1,
            election_timeout_max: lease,
            enable_elect: false,
            max_payload_entries: 256,
            replication_lag_threshold: self.args.snapshot_entries.saturating_mul(2).max(5000),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.args.snapshot_entries),
            max_in_snapshot_log_to_keep: (self.args.snapshot_entries / 4).min(1000),
            ..Config::default()
        };
        Ok(config.validate()?)
    }

    /// The engine, once this node takes part.
    pub(crate) fn joined(&self) -> Option<&Joined> {
        self.joined.get()
    }

    /// The engine's latest view of itself.
    pub(crate) fn raft_metrics(&self) -> Option<RaftMetrics> {
        Some(self.joined()?.raft.metrics().borrow().clone())
    }

    /// How long a follower may hear nothing before it has no leader.
    pub(crate) fn silence_limit(&self) -> Duration {
        self.args.election.max * 3 / 2
    }

    /// Whether a leader was heard of within the last `limit`.
    pub(crate) fn heard_within(&self, limit: Duration) -> bool {
        self.contact.age(self.started).is_some_and(|age| age < limit)
    }

    /// Who leads.
    pub(crate) fn leadership(&self) -> Leadership {
        let Some(metrics) = self.raft_metrics() else {
            return Leadership::Unknown;
        };
        match metrics.current_leader {
            Some(leader) if leader == metrics.id => {
                if metrics.state == ServerState::Leader {
                    Leadership::Mine
                } else {
                    Leadership::Unknown
                }
            }
            Some(leader) if self.heard_within(self.silence_limit()) => {
                let member = metrics.membership_config.membership().get_node(&leader);
                member.map_or(Leadership::Unknown, |member| Leadership::Theirs(leader, member.clone()))
            }
            _ => Leadership::Unknown,
        }
    }

    /// Whether this node leads but no majority has answered for longer than an election takes.
    pub(crate) fn lost_quorum(&self, metrics: &RaftMetrics) -> bool {
        if metrics.state != ServerState::Leader || metrics.membership_config.voter_ids().count() < 2 {
            return false;
        }
        let since_election = self.elected.age(self.started).unwrap_or_default();
        let silence = metrics.millis_since_quorum_ack.map_or(since_election, Duration::from_millis);
        silence > self.args.election.max && since_election > self.args.election.max
    }

    /// Whether this node refuses writes on its own account or the cluster's.
    pub(crate) fn no_space(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed) || self.machine.has_alarm()
    }

    /// Ends the server because of an error.
    pub(crate) fn fail(&self, reason: String) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                *failure = Some(reason);
            }
            first
        });
    }

    /// Stops the engine and all tasks.
    pub(crate) async fn stop(&self) {
        if let Some(joined) = self.joined() {
            // The error would be that it has already stopped.
            let _ = joined.raft.shutdown().await;
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

/// Whether `votes` are a majority, in each part of a joint configuration.
pub(crate) fn is_majority(metrics: &RaftMetrics, votes: &BTreeSet<u64>) -> bool {
    let configs = metrics.membership_config.membership().get_joint_config();
    !configs.is_empty() && configs.iter().all(|voters| voters.intersection(votes).count() * 2 > voters.len())
}
