//! The lab as the worker holds it: nodes, network, operator, and what is done with them.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{RwLock, oneshot};

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
    reaper: Reaper,
}

/// The operator's place, and what the operator has started.
pub(super) struct Operator {
    place: Place,
    /// First process of the operator's pid namespace, with the sign of its end; started when first needed.
    init: tokio::sync::Mutex<Option<(i32, oneshot::Receiver<Exit>)>>,
    /// Mount namespaces of everything that the operator started, by identity.
    mounts: Mutex<HashSet<u64>>,
    /// Held while something is done for the operator that must be complete before a freeze is.
    pub busy: RwLock<()>,
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
                busy: RwLock::default(),
            },
            changes,
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
        self.note_operator(started.mounts);
        Ok(started)
    }

    /// Starts a program on a node: beside its process, or alone with its files when that is down.
    pub(super) fn spawn_on_node(&self, node: &Node, command: Command, by: Actor) -> io::Result<Started> {
        const CAPABILITIES: [u32; 6] = [
            capability::DAC_OVERRIDE,
            capability::FOWNER,
            capability::KILL,
            capability::NET_BIND_SERVICE,
            capability::NET_ADMIN,
            capability::NET_RAW,
        ];
        let running = node.pid().map(namespaces).transpose()?;
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
            self.note_operator(started.mounts);
        }
        Ok(started)
    }

    fn note_operator(&self, mounts: u64) {
        self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner).insert(mounts);
    }

    /// Ends all that the operator started; says how many processes those were.
    pub(super) async fn freeze(&self) -> Result<u32, String> {
        let mut init = self.operator.init.lock().await;
        let namespaces = self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = init.as_ref().map(|(pid, _)| *pid);
        let found = processes_in(&namespaces).into_iter().filter(|&pid| Some(pid) != first).count();
        if let Some((pid, end)) = init.take() {
            // The kernel ends the whole pid namespace with it.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            let _ = end.await;
        }
        for _ in 0..1000 {
            let left = processes_in(&namespaces);
            if left.is_empty() {
                // What was under way for the operator finishes first.
                let _complete = self.operator.busy.write().await;
                if processes_in(&namespaces).is_empty() {
                    self.operator.mounts.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    return Ok(found as u32);
                }
            }
            for pid in left {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
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

/// Living processes whose mount namespace is one of these.
fn processes_in(mounts: &HashSet<u64>) -> Vec<i32> {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        // A zombie has no namespaces any more, so its link cannot be followed.
        .filter(|pid: &i32| {
            std::fs::metadata(format!("/proc/{pid}/ns/mnt")).is_ok_and(|meta| mounts.contains(&meta.ino()))
        })
        .collect()
}
