//! The lab as the worker holds it: nodes, network, operator, and what is done with them.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::UnixListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, oneshot, watch};

use super::confine::{self, Confinement, Pids, Started, View, capability};
use super::network::{self, Place};
use super::node::{Changes, Node};
use super::reach::Beacons;
use super::reaper::{Exit, Reaper};
use super::rootfs;
use super::switch::Switch;
use crate::model::event::{Actor, NodeAddress, NodeChange};
use crate::runtime::process::require::explain;
use crate::runtime::{LabChange, LabRequest, LinkRule, NewLinkRule, Unmet};

/// Everything that the worker keeps.
pub(super) struct Lab {
    pub nodes: Vec<Node>,
    pub switch: Switch,
    pub beacons: Beacons,
    pub operator: Operator,
    pub changes: Changes,
    /// Where the cockpit listens.
    pub listener: UnixListener,
    /// Connections that the cockpit has room for.
    pub connections: Arc<Semaphore>,
    reaper: Reaper,
}

/// Most cockpit connections at a time.
const CONNECTIONS: usize = 128;

/// The operator's place, and what the operator has started.
pub(super) struct Operator {
    place: Place,
    /// First process of the operator's pid namespace, with the sign of its end; started when first needed.
    init: tokio::sync::Mutex<Option<(i32, oneshot::Receiver<Exit>)>>,
    /// Mount namespaces of everything that the operator started, by number; open, so that no number is used again.
    mounts: Mutex<HashMap<u64, File>>,
    /// Changes with every freeze: what is being done for the operator then ends at once.
    pub frozen: watch::Sender<u64>,
}

/// The network of a lab before any thread but the first exists.
pub(super) struct Ground {
    nodes: Vec<(NodeAddress, Place)>,
    operator: Place,
    switch: Switch,
}

/// Mounts, namespaces and links. Leaves the calling thread in the client's network namespace, from
/// which all later threads start.
pub(super) fn prepare(request: &LabRequest, hidden: &[std::path::PathBuf]) -> Result<Ground, Unmet> {
    let addresses: Vec<NodeAddress> = (network::FIRST_NODE..)
        .zip(&request.nodes)
        .map(|(host, node)| NodeAddress {
            name: node.name.clone(),
            role: node.role.clone(),
            address: network::address(host),
            port: node.port,
        })
        .collect();
    let sizes = request.nodes.iter().map(|node| node.data_bytes);
    rootfs::enter(hidden, &addresses.iter().cloned().zip(sizes).collect::<Vec<_>>())?;
    let client = network::make_place(network::CLIENT)?;
    let operator = network::make_place(network::OPERATOR)?;
    let nodes = (network::FIRST_NODE..)
        .zip(addresses)
        .map(|(host, address)| Ok((address, network::make_place(host)?)))
        .collect::<Result<Vec<_>, Unmet>>()?;
    let places: Vec<&Place> = [&client, &operator].into_iter().chain(nodes.iter().map(|(_, place)| place)).collect();
    let errno = |error: &io::Error| nix::Error::from_raw(error.raw_os_error().unwrap_or(0));
    let switch = Switch::start(&places).map_err(|error| explain("packet socket", errno(&error)))?;
    nix::sched::setns(&client.net, nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|error| explain("network namespace", error))?;
    Ok(Ground { nodes, operator, switch })
}

impl Lab {
    /// The lab on its prepared ground; must be called inside the async runtime.
    pub(super) fn new(
        ground: Ground,
        request: LabRequest,
        program: &OwnedFd,
        listener: std::os::unix::net::UnixListener,
    ) -> io::Result<(Arc<Self>, UnboundedReceiver<LabChange>)> {
        let reaper = Reaper::default();
        tokio::spawn(reaper.clone().run());
        let (changes, receiver) = tokio::sync::mpsc::unbounded_channel();
        let beacons = ground
            .nodes
            .iter()
            .map(|(address, place)| Ok((address.name.clone(), place.beacon.try_clone()?)))
            .collect::<io::Result<Vec<_>>>()?;
        let roles: Vec<_> = request.nodes.iter().map(|node| (node.role.clone(), node.name.clone())).collect();
        let nodes = ground.nodes.into_iter().zip(request.nodes).map(|((address, place), node)| {
            let like: Vec<&str> =
                roles.iter().filter(|(role, _)| *role == node.role).map(|(_, name)| name.as_str()).collect();
            Node::new(node, address, place, &like.join(","), program, reaper.clone(), changes.clone())
        });
        let lab = Self {
            nodes: nodes.collect(),
            switch: ground.switch,
            beacons: Beacons::new(beacons)?,
            operator: Operator {
                place: ground.operator,
                init: tokio::sync::Mutex::default(),
                mounts: Mutex::default(),
                frozen: watch::Sender::default(),
            },
            changes,
            listener: UnixListener::from_std(listener)?,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            reaper,
        };
        Ok((Arc::new(lab), receiver))
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.address.name == name)
    }

    /// Starts a program in the operator's place.
    pub(super) async fn spawn_for_operator(&self, command: Command) -> io::Result<Started> {
        let mut init = self.operator.init.lock().await;
        let pid = match &mut *init {
            Some((pid, end)) if end.is_empty() => *pid,
            none => {
                let started = self.start_operator_init()?;
                let pid = started.child.id().cast_signed();
                *none = Some((pid, started.exit));
                pid
            }
        };
        let (mounts, pids) = namespaces(pid)?;
        let confinement = Confinement {
            net: &self.operator.place.net,
            view: View::Of { mounts: &mounts, copy: false },
            pids: Pids::Of(&pids),
            host_name: "ops",
            capabilities: 0,
        };
        confine::spawn(&self.reaper, command, &confinement)
    }

    fn start_operator_init(&self) -> io::Result<Started> {
        let mut command = Command::new(format!("{}/lab", rootfs::LAB_PATH));
        std::os::unix::process::CommandExt::arg0(&mut command, "init");
        command.env_clear().current_dir("/");
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let confinement = Confinement {
            net: &self.operator.place.net,
            view: View::Operator,
            pids: Pids::New,
            host_name: "ops",
            capabilities: 0,
        };
        let started = confine::spawn(&self.reaper, command, &confinement)?;
        self.note_operator(&started.mounts)?;
        Ok(started)
    }

    /// Starts a program on a node: for the operator beside its process, for the harness or when the node is down
    /// alone with its files and its network.
    pub(super) fn spawn_on_node(&self, node: &Node, command: Command, by: Actor) -> io::Result<Started> {
        const CAPABILITIES: [u32; 6] = [
            capability::DAC_OVERRIDE,
            capability::FOWNER,
            capability::KILL,
            capability::NET_BIND_SERVICE,
            capability::NET_ADMIN,
            capability::NET_RAW,
        ];
        // What the operator has left in the node's own view must not be in the way of the harness.
        let beside = node.pid().filter(|_| by == Actor::Operator);
        let running = beside.map(namespaces).transpose()?;
        let (view, pids) = match &running {
            Some((mounts, pids)) => (View::Of { mounts, copy: true }, Pids::Of(pids)),
            None => (View::Node(&node.address.name), Pids::New),
        };
        let confinement = Confinement {
            net: &node.place.net,
            view,
            pids,
            host_name: &node.address.name,
            capabilities: CAPABILITIES.iter().fold(0, |set, number| set | 1 << number),
        };
        let started = confine::spawn(&self.reaper, command, &confinement)?;
        if by == Actor::Operator {
            self.note_operator(&started.mounts)?;
        }
        Ok(started)
    }

    fn note_operator(&self, mounts: &File) -> io::Result<()> {
        /// From so many on, those that nobody is in any more are forgotten.
        const MANY: usize = 64;
        let (number, mounts) = (mounts.metadata()?.ino(), mounts.try_clone()?);
        let mut known = self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            let inhabited: HashSet<u64> = processes()?.into_iter().map(|(_, number)| number).collect();
            known.retain(|number, _| inhabited.contains(number));
        }
        known.insert(number, mounts);
        Ok(())
    }

    fn operators_processes(&self) -> io::Result<Vec<i32>> {
        let known = self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_operator = |(pid, number): (i32, u64)| known.contains_key(&number).then_some(pid);
        Ok(processes()?.into_iter().filter_map(of_operator).collect())
    }

    /// Ends all that the operator started; says how many processes those were. What was being done for the operator
    /// through the cockpit ends too, and requests that wait there are not heard any more.
    pub(super) async fn freeze(&self) -> Result<u32, String> {
        let failed = |error: io::Error| format!("the operator's processes cannot be found: {error}");
        let mut init = self.operator.init.lock().await;
        let first = init.as_ref().map(|(pid, _)| *pid);
        let found = self.operators_processes().map_err(failed)?.into_iter().filter(|&pid| Some(pid) != first).count();
        if let Some((pid, end)) = init.take() {
            // The kernel ends the whole pid namespace with it.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            let _ = end.await;
        }
        for _ in 0..1000 {
            self.operator.frozen.send_modify(|count| *count += 1);
            while let Some(Ok(_)) = self.listener.accept().now_or_never() {}
            // Lets the connections that have just been told end.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let left = self.operators_processes().map_err(failed)?;
            // One place is always held by whoever waits for the next connection.
            if left.is_empty() && self.connections.available_permits() + 1 >= CONNECTIONS {
                self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner).clear();
                return Ok(found as u32);
            }
            for pid in left {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        Err("processes of the operator do not end".into())
    }

    /// The rules in words of nodes.
    pub(super) fn rules(&self) -> Vec<LinkRule> {
        let name = |port| self.port_name(port);
        let rule = |rule: super::switch::Rule| LinkRule {
            id: rule.id,
            rule: NewLinkRule { from: name(rule.from), to: name(rule.to), action: rule.action },
            packets: rule.packets,
        };
        self.switch.rules().into_iter().map(rule).collect()
    }

    /// The name of the place with this port.
    pub(super) fn port_name(&self, port: u8) -> String {
        match port {
            network::CLIENT => "client".into(),
            network::OPERATOR => "ops".into(),
            _ => self
                .nodes
                .iter()
                .find(|node| node.place.host == port)
                .map_or_else(String::new, |node| node.address.name.clone()),
        }
    }

    /// Removes rules; an operator's removal is told for each node that they concerned.
    pub(super) fn remove_rules(&self, by: Actor, choose: impl Fn(&super::switch::Rule) -> bool) -> u32 {
        let removed = self.switch.remove(choose);
        if by == Actor::Operator {
            for node in &self.nodes {
                let concerns = |rule: &&super::switch::Rule| rule.from == node.place.host || rule.to == node.place.host;
                let count = removed.iter().filter(concerns).count() as u32;
                if count > 0 {
                    let change = NodeChange::RulesRemoved { count };
                    let _ = self.changes.send(LabChange { node: node.address.name.clone(), change, by });
                }
            }
        }
        removed.len() as u32
    }
}

/// The mount and pid namespaces of a process.
fn namespaces(pid: i32) -> io::Result<(File, File)> {
    Ok((File::open(format!("/proc/{pid}/ns/mnt"))?, File::open(format!("/proc/{pid}/ns/pid"))?))
}

/// Living processes with the numbers of their mount namespaces. A zombie has none any more.
fn processes() -> io::Result<Vec<(i32, u64)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        match std::fs::metadata(format!("/proc/{pid}/ns/mnt")) {
            Ok(meta) => all.push((pid, meta.ino())),
            // It has ended meanwhile.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}
