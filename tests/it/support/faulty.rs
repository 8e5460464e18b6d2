//! A runtime over the fake one, in which one call of a lab goes wrong.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use harness::model::event::NodeAddress;
use harness::runtime::fake::FakeRuntime;
use harness::runtime::{
    Exec, ExecOutput, Frozen, Lab, LabChange, LabError, LabRequest, LinkRule, NewLinkRule, NodeAction, NodeState,
    Reach, Requirement, Runtime, Stream, Teardown,
};

/// A call of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Provision,
    Connect,
    NodeState,
    Act,
    Exec,
    LinkRules,
    AddRules,
    RemoveRules,
    Reach,
    Freeze,
    Teardown,
}

impl Call {
    pub(crate) const ALL: [Self; 11] = [
        Self::Provision,
        Self::Connect,
        Self::NodeState,
        Self::Act,
        Self::Exec,
        Self::LinkRules,
        Self::AddRules,
        Self::RemoveRules,
        Self::Reach,
        Self::Freeze,
        Self::Teardown,
    ];
}

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// An error comes back.
    Fails,
    /// The lab is gone.
    Gone,
    /// No answer ever.
    Hangs,
    /// The call panics.
    Panics,
}

/// What goes wrong, from which call of its kind on (counted from 0).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) call: Call,
    pub(crate) how: How,
    pub(crate) from: u32,
}

/// Counts what a lab was asked for.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    calls: AtomicU32,
    pub(crate) labs: AtomicU32,
    pub(crate) teardowns: AtomicU32,
    pub(crate) kills: AtomicU32,
}

/// Brings up fake labs in which something goes wrong.
pub(crate) struct FaultyRuntime {
    pub(crate) inner: FakeRuntime,
    pub(crate) trouble: Trouble,
    pub(crate) counts: Arc<Counts>,
}

struct FaultyLab {
    inner: Box<dyn Lab>,
    trouble: Trouble,
    counts: Arc<Counts>,
}

async fn go_wrong(trouble: Trouble, call: Call, counts: &Counts) -> Result<(), LabError> {
    if call != trouble.call || counts.calls.fetch_add(1, Ordering::Relaxed) < trouble.from {
        return Ok(());
    }
    match trouble.how {
        How::Fails => Err(LabError::Failed("planted".into())),
        How::Gone => Err(LabError::Gone("planted".into())),
        How::Hangs => std::future::pending().await,
        How::Panics => panic!("planted"),
    }
}

#[async_trait]
impl Runtime for FaultyRuntime {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn requirements(&self) -> Vec<Requirement> {
        Vec::new()
    }

    async fn provision(&self, request: LabRequest) -> Result<Box<dyn Lab>, LabError> {
        go_wrong(self.trouble, Call::Provision, &self.counts).await?;
        let inner = self.inner.provision(request).await?;
        self.counts.labs.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(FaultyLab { inner, trouble: self.trouble, counts: self.counts.clone() }))
    }
}

impl FaultyLab {
    async fn enter(&self, call: Call) -> Result<(), LabError> {
        go_wrong(self.trouble, call, &self.counts).await
    }
}

#[async_trait]
impl Lab for FaultyLab {
    fn nodes(&self) -> &[NodeAddress] {
        self.inner.nodes()
    }

    async fn connect(&self, node: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        self.enter(Call::Connect).await.map_err(io::Error::other)?;
        self.inner.connect(node, port).await
    }

    async fn node_state(&self, node: &str) -> Result<NodeState, LabError> {
        self.enter(Call::NodeState).await?;
        self.inner.node_state(node).await
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<NodeState, LabError> {
        self.enter(Call::Act).await?;
        self.inner.act(node, action).await
    }

    async fn exec(&self, exec: Exec) -> Result<ExecOutput, LabError> {
        self.enter(Call::Exec).await?;
        self.inner.exec(exec).await
    }

    async fn logs(&self, node: &str, lines: usize) -> Result<String, LabError> {
        self.inner.logs(node, lines).await
    }

    async fn link_rules(&self) -> Result<Vec<LinkRule>, LabError> {
        self.enter(Call::LinkRules).await?;
        self.inner.link_rules().await
    }

    async fn add_link_rules(&self, rules: Vec<NewLinkRule>) -> Result<Vec<u32>, LabError> {
        // The worst moment to be cut short: they are there, and nobody knows their ids.
        if self.trouble.call == Call::AddRules && self.trouble.how == How::Hangs {
            self.inner.add_link_rules(rules.clone()).await?;
        }
        self.enter(Call::AddRules).await?;
        self.inner.add_link_rules(rules).await
    }

    async fn remove_link_rules(&self, ids: Vec<u32>) -> Result<u32, LabError> {
        self.enter(Call::RemoveRules).await?;
        self.inner.remove_link_rules(ids).await
    }

    async fn reach(&self, pairs: Vec<(String, String)>, wait: Duration) -> Result<Vec<Reach>, LabError> {
        self.enter(Call::Reach).await?;
        self.inner.reach(pairs, wait).await
    }

    async fn freeze(&self) -> Result<Frozen, LabError> {
        self.enter(Call::Freeze).await?;
        self.inner.freeze().await
    }

    async fn next_change(&self) -> Option<LabChange> {
        self.inner.next_change().await
    }

    async fn teardown(&self) -> Teardown {
        self.counts.teardowns.fetch_add(1, Ordering::Relaxed);
        // One that has been killed can be looked at.
        let is_killed = self.counts.kills.load(Ordering::Relaxed) > 0;
        if !is_killed && let Err(error) = self.enter(Call::Teardown).await {
            return Teardown { leftovers: vec![error.to_string()] };
        }
        self.inner.teardown().await
    }

    fn kill(&self) {
        self.counts.kills.fetch_add(1, Ordering::Relaxed);
        self.inner.kill();
    }
}
