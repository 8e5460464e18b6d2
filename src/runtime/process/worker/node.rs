//! A node: one process that can be started, stopped, signalled and asked, and its log.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::watch;

use super::confine::{self, Confinement, Pids, View, capability};
use super::network::Place;
use super::reaper::Reaper;
use super::rootfs;
use crate::model::event::{Actor, NodeAddress, NodeChange};
use crate::runtime::{LabChange, NodeAction, NodeRequest, NodeState};

/// Log lines beyond so many bytes push out the oldest ones.
const LOG_BYTES: usize = 8 << 20;
/// What a line takes besides its text, bytes.
const LINE_COST: usize = 64;
/// Longer lines are broken, bytes.
const LONGEST_LINE: u64 = 64 << 10;
/// How long a stopped node may take to end before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Takes note of what happens to nodes.
pub(super) type Changes = tokio::sync::mpsc::UnboundedSender<LabChange>;

/// A node of the lab.
pub(super) struct Node {
    /// Name, role, address, port.
    pub address: NodeAddress,
    /// Its place in the network.
    pub place: Place,
    command: Vec<String>,
    env: Vec<(String, String)>,
    program_fd: i32,
    reaper: Reaper,
    changes: Changes,
    state: Arc<watch::Sender<Process>>,
    log: Arc<Mutex<Log>>,
    /// Set while its end is somebody's doing, who tells of it.
    ending: Arc<AtomicBool>,
    starts: AtomicU32,
    /// One action at a time.
    acting: tokio::sync::Mutex<()>,
}

/// The node's process.
#[derive(Debug, Clone)]
enum Process {
    /// Its pid in the worker's pid namespace, and when it was started.
    Running(i32, Instant),
    /// How the last one ended.
    Ended(String),
}

#[derive(Default)]
struct Log {
    lines: VecDeque<(SystemTime, String)>,
    bytes: usize,
}

impl Node {
    /// A node that is not started yet. `nodes` are the names of all nodes of its role.
    pub(super) fn new(
        request: NodeRequest,
        address: NodeAddress,
        place: Place,
        nodes: &str,
        program: &impl AsRawFd,
        reaper: Reaper,
        changes: Changes,
    ) -> Self {
        let fill = |text: &str| {
            text.replace("{node}", &address.name)
                .replace("{address}", &address.address.to_string())
                .replace("{port}", &address.port.to_string())
                .replace("{data}", "/data")
                .replace("{nodes}", nodes)
        };
        Self {
            command: request.command.iter().map(|word| fill(word)).collect(),
            env: request.env.into_iter().map(|(name, value)| (name, fill(&value))).collect(),
            address,
            place,
            program_fd: program.as_raw_fd(),
            reaper,
            changes,
            state: Arc::new(watch::Sender::new(Process::Ended("not started".into()))),
            log: Arc::default(),
            ending: Arc::default(),
            starts: AtomicU32::new(0),
            acting: tokio::sync::Mutex::default(),
        }
    }

    /// The pid of its process in the worker's pid namespace.
    pub(super) fn pid(&self) -> Option<i32> {
        match *self.state.borrow() {
            Process::Running(pid, _) => Some(pid),
            Process::Ended(_) => None,
        }
    }

    /// How long its process has been there.
    pub(super) fn uptime(&self) -> Option<Duration> {
        match *self.state.borrow() {
            Process::Running(_, since) => Some(since.elapsed()),
            Process::Ended(_) => None,
        }
    }

    /// How often it was started after the first time.
    pub(super) fn restarts(&self) -> u32 {
        self.starts.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// What its process does.
    pub(super) fn state(&self) -> NodeState {
        match &*self.state.borrow() {
            Process::Running(pid, _) if is_stopped(*pid) => NodeState::Paused,
            Process::Running(..) => NodeState::Running,
            Process::Ended(how) => NodeState::Down(how.clone()),
        }
    }

    /// The last `count` lines of its log, those since `since` only.
    pub(super) fn log(&self, count: usize, since: Option<SystemTime>) -> String {
        let log = lock(&self.log);
        let wanted = |(time, _): &&(SystemTime, String)| since.is_none_or(|since| *time >= since);
        let mut lines: Vec<&str> =
            log.lines.iter().rev().take_while(wanted).take(count).map(|(_, line)| line.as_str()).collect();
        lines.reverse();
        lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// Does something to its process and returns its state afterwards.
    pub(super) async fn act(&self, action: NodeAction, by: Actor) -> Result<NodeState, String> {
        let _one_at_a_time = self.acting.lock().await;
        match action {
            NodeAction::Start => self.start(by)?,
            NodeAction::Stop => self.stop(by).await?,
            NodeAction::Restart => {
                self.stop(by).await?;
                self.start(by)?;
            }
            NodeAction::Signal(name) => self.signal(&name, by).await?,
        }
        Ok(self.state())
    }

    fn start(&self, by: Actor) -> Result<(), String> {
        if self.pid().is_some() {
            return Ok(());
        }
        let failed = |error: io::Error| format!("{} did not start: {error}", self.address.name);
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = self.program();
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/root").env("HOSTNAME", &self.address.name).envs(self.env.iter().cloned());
        command.current_dir("/").stdin(Stdio::null());
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let confinement = Confinement {
            net: &self.place.net,
            view: View::Node(&self.address.name),
            pids: Pids::New,
            host_name: &self.address.name,
            capabilities: 1 << capability::NET_BIND_SERVICE,
        };
        let started = confine::spawn(&self.reaper, command, &confinement).map_err(failed)?;
        let pid = started.child.id().cast_signed();
        self.state.send_replace(Process::Running(pid, Instant::now()));
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.note(NodeChange::Started, by);
        self.keep_log(reader).map_err(failed)?;
        self.ending.store(false, Ordering::Relaxed);
        let ending = self.ending.clone();
        let (state, changes, node) = (self.state.clone(), self.changes.clone(), self.address.name.clone());
        tokio::spawn(async move {
            let how = started.exit.await.map_or_else(|_| "unknown".into(), |exit| exit.to_string());
            state.send_replace(Process::Ended(how.clone()));
            if ending.load(Ordering::Relaxed) {
                return;
            }
            // The worker is going when nobody listens.
            let _ = changes.send(LabChange { node, change: NodeChange::Exited { how }, by: Actor::Itself });
        });
        Ok(())
    }

    /// `harness service NAME …` is this very program under the service's name, without a path that
    /// could be read in the lab.
    fn program(&self) -> Command {
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let (program, name, args) = match words[..] {
            ["harness", "service", name, ref args @ ..] => (format!("/proc/self/fd/{}", self.program_fd), name, args),
            [program, ref args @ ..] => (program.to_owned(), program, args),
            [] => ("false".to_owned(), "false", &[][..]),
        };
        let mut command = Command::new(program);
        command.arg0(name).args(args);
        command
    }

    async fn stop(&self, by: Actor) -> Result<(), String> {
        let Some(pid) = self.pid() else { return Ok(()) };
        self.ending.store(true, Ordering::Relaxed);
        // A paused process could not react.
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            send(pid, signal)?;
        }
        if tokio::time::timeout(STOP_GRACE, self.ended()).await.is_err() {
            send(pid, Signal::SIGKILL)?;
            self.ended().await;
        }
        self.note(NodeChange::Stopped, by);
        Ok(())
    }

    async fn signal(&self, name: &str, by: Actor) -> Result<(), String> {
        let signal = Signal::from_str(&format!("SIG{}", name.trim_start_matches("SIG").to_ascii_uppercase()))
            .map_err(|_| format!("there is no signal `{name}`"))?;
        let Some(pid) = self.pid() else { return Err(format!("{} is not running", self.address.name)) };
        self.ending.store(signal == Signal::SIGKILL, Ordering::Relaxed);
        send(pid, signal)?;
        if signal == Signal::SIGKILL {
            self.ended().await;
            self.note(NodeChange::Killed, by);
        } else {
            if matches!(signal, Signal::SIGSTOP | Signal::SIGCONT) {
                wait_until(|| is_stopped(pid) == (signal == Signal::SIGSTOP)).await;
            }
            let signal = signal.as_str().trim_start_matches("SIG").to_owned();
            self.note(NodeChange::Signalled { signal }, by);
        }
        Ok(())
    }

    /// Waits until there is no process.
    async fn ended(&self) {
        // The sender lives as long as `self`.
        let _ = self.state.subscribe().wait_for(|process| matches!(process, Process::Ended(_))).await;
    }

    fn note(&self, change: NodeChange, by: Actor) {
        let _ = self.changes.send(LabChange { node: self.address.name.clone(), change, by });
    }

    fn keep_log(&self, reader: io::PipeReader) -> io::Result<()> {
        let receiver = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
        let log = self.log.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(receiver);
            let mut line = Vec::new();
            while (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
                lock(&log).push(text);
                line.clear();
            }
        });
        Ok(())
    }

    /// Size and free bytes of its data directory.
    pub(super) fn disk(&self) -> io::Result<(u64, u64)> {
        let stat = nix::sys::statvfs::statvfs(&rootfs::node_data(&self.address.name))?;
        Ok((stat.blocks() * stat.fragment_size(), stat.blocks_free() * stat.fragment_size()))
    }
}

impl Log {
    fn push(&mut self, line: String) {
        self.bytes += line.len() + LINE_COST;
        self.lines.push_back((SystemTime::now(), line));
        while self.bytes > LOG_BYTES {
            let Some((_, oldest)) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + LINE_COST;
        }
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(pid: i32, signal: Signal) -> Result<(), String> {
    match kill(Pid::from_raw(pid), signal) {
        // It has just ended.
        Ok(()) | Err(nix::Error::ESRCH) => Ok(()),
        Err(error) => Err(format!("the signal was not sent: {error}")),
    }
}

/// Looks every millisecond, for at most 100 of them: a signal takes a moment to have its effect.
async fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..100 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The third field of `/proc/PID/stat` is `T` for a process that is stopped by a signal.
fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
