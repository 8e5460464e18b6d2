//! Starts, kills and restarts the nodes of a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    OPTIONS, SEPARATOR,
    http::{self, Reply},
};

/// Far more than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// For tests in which nobody but the test may depose the leader, however busy the machine is.
pub(crate) const CALM: [&str; 2] = ["--election=1500ms..2500ms", "--request-timeout=5s"];

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    options: Vec<String>,
    process: Option<Child>,
    pub(crate) data: PathBuf,
    log: PathBuf,
}

impl Node {
    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none(), "{} already runs", self.name);
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        let options = self.options.join(&SEPARATOR.to_string());
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "node_process", "--nocapture"])
            .env(OPTIONS, options)
            .env_remove("KV_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().unwrap();
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
    }

    /// Kills the process and waits for its end.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Waits until the process has ended by itself; whether it reported success.
    pub(crate) fn wait(&mut self) -> bool {
        let process = self.process.as_mut().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = process.try_wait().unwrap() {
                self.process = None;
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} does not end", self.name);
    }

    pub(crate) fn runs(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        self.try_call(method, path, body).unwrap_or_else(|error| panic!("{method} {path} on {}: {error}", self.name))
    }

    pub(crate) fn try_call(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Reply> {
        http::call(self.address, method, path, body)
    }

    pub(crate) fn status(&self) -> Option<Value> {
        let reply = self.try_call("GET", "/status", b"").ok()?;
        (reply.status == 200).then(|| reply.json())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.name, self.log());
        }
        self.kill();
    }
}

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    dir: TempDir,
}

impl Cluster {
    /// Prepares `count` founders; `extra` are further options of each.
    pub(crate) fn prepare(count: usize, extra: &[&str]) -> Self {
        // All are held until all are known, so that no two are the same.
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        let founders: Vec<_> = (1..).zip(&addresses).map(|(i, a)| format!("kv{i}={a}")).collect();
        let founders = format!("--initial-cluster={}", founders.join(","));
        let mut cluster = Self { nodes: Vec::new(), dir: tempfile::tempdir().unwrap() };
        for (number, address) in (1..).zip(addresses) {
            let options = [&[founders.as_str()], extra].concat();
            let node = cluster.node(&format!("kv{number}"), address, &options);
            cluster.nodes.push(node);
        }
        cluster
    }

    /// Starts `count` founders and waits for a leader.
    pub(crate) fn start(count: usize, extra: &[&str]) -> Self {
        let mut cluster = Self::prepare(count, extra);
        cluster.start_all();
        cluster.leader();
        cluster
    }

    /// A node that is not a founder, not yet running.
    pub(crate) fn joiner(&self, name: &str, extra: &[&str]) -> Node {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let options = [&["--join"], extra].concat();
        self.node(name, listener.local_addr().unwrap(), &options)
    }

    fn node(&self, name: &str, address: SocketAddr, extra: &[&str]) -> Node {
        let data = self.dir.path().join(name);
        let mut options =
            vec![format!("--name={name}"), format!("--listen={address}"), format!("--data={}", data.display())];
        options.extend(extra.iter().map(ToString::to_string));
        Node {
            name: name.into(),
            address,
            options,
            process: None,
            data,
            log: self.dir.path().join(format!("{name}.log")),
        }
    }

    pub(crate) fn start_all(&mut self) {
        self.nodes.iter_mut().for_each(Node::start);
    }

    /// Waits for a leader that all running nodes agree on; its position.
    pub(crate) fn leader(&self) -> usize {
        eventually("a leader", || {
            let running = || self.nodes.iter().filter(|node| node.runs());
            let seen: Vec<_> =
                running().map(|node| node.status()?["leader"]["name"].as_str().map(str::to_owned)).collect();
            let leader = seen.first()?.clone()?;
            let agreed = seen.iter().all(|other| other.as_ref() == Some(&leader));
            let position = self.nodes.iter().position(|node| node.name == leader)?;
            let leads = self.nodes[position].status()?["role"] == "leader";
            (agreed && leads).then_some(position)
        })
    }

    /// Position of some node that does not lead.
    pub(crate) fn follower(&self) -> usize {
        (self.leader() + 1) % self.nodes.len()
    }

    pub(crate) fn put(&self, node: usize, key: &str, value: &str) {
        eventually(&format!("a write of {key}"), || {
            let path = format!("/kv/{key}");
            let reply = self.nodes[node].try_call("PUT", &path, value.as_bytes()).ok()?;
            (reply.status == 200).then_some(())
        });
    }

    pub(crate) fn get(&self, node: usize, key: &str) -> Option<String> {
        eventually(&format!("a read of {key}"), || {
            let reply = self.nodes[node].try_call("GET", &format!("/kv/{key}"), b"").ok()?;
            match reply.status {
                200 => Some(Some(reply.text())),
                404 => Some(None),
                _ => None,
            }
        })
    }
}

/// Repeats `attempt` until it succeeds.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
