//! The other end of the `lab` command: what an operator can see and do.
//!
//! Each connection brings the caller's standard streams and its arguments (the format is described in
//! `cockpit/lab.rs`) and gets an exit code back.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IoSliceMut, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::exec::environment;
use super::lab::Lab;
use super::node::Node;
use super::reaper::Exit;
use crate::model::event::Actor;
use crate::model::units::Millis;
use crate::runtime::{NodeAction, NodeState};

const HELP: &str = "\
Usage: lab COMMAND

  lab ps                              nodes and their processes
  lab logs NODE [-n N] [--since 30s]  the last lines of a node's log (100)
  lab start|stop|restart NODE...      a node's process
  lab kill NODE [--signal NAME]       send a signal (KILL)
  lab exec NODE -- COMMAND...         run a command on a node: its network, its files
  lab net                             addresses, links with their counters, rules
  lab net rules                       the access and shaping rules alone
  lab net remove ID...                remove rules
  lab net clear [NODE]                remove all rules, or those that concern a node
  lab df                              the nodes' data directories
";

/// Longest argument list that is accepted, bytes.
const MAX_ARGUMENTS: u32 = 1 << 20;
/// What an argument costs of that at least: even an empty one takes memory.
const ARGUMENT_COST: u32 = 32;
/// Longest time for a message to arrive.
const MESSAGE: Duration = Duration::from_secs(5);

/// What a command answers: text for standard output, or for standard error with an exit code.
type Outcome = Result<String, (u8, String)>;

/// Answers connections until the worker ends.
pub(super) async fn serve(lab: Arc<Lab>) {
    loop {
        // Never closed.
        let Ok(place) = lab.connections.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = lab.listener.accept().await else {
            // Out of descriptors, most likely; some come back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let lab = lab.clone();
        let mut frozen = lab.operator.frozen.subscribe();
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                biased;
                _ = frozen.changed() => {}
                // A caller that goes away needs no answer.
                _ = answer(&lab, stream) => {}
            }
        });
    }
}

async fn answer(lab: &Lab, mut stream: UnixStream) -> io::Result<()> {
    let (streams, args) = tokio::time::timeout(MESSAGE, receive(&mut stream)).await??;
    let [stdin, stdout, stderr] = streams;
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let code = if let ["exec", node, rest @ ..] = &words[..] {
        exec(lab, node, rest, [stdin, stdout, stderr], &mut stream).await
    } else {
        let (code, text, to) = match run(lab, &words).await {
            Ok(text) => (0, text, stdout),
            Err((code, text)) => (code, format!("lab: {text}\n"), stderr),
        };
        // The reader at the other end may be slow, or gone.
        let _ = tokio::task::spawn_blocking(move || File::from(to).write_all(text.as_bytes())).await;
        code
    };
    stream.write_all(&[code]).await
}

async fn receive(stream: &mut UnixStream) -> io::Result<([OwnedFd; 3], Vec<String>)> {
    let streams = receive_streams(stream).await?;
    let count = stream.read_u32_le().await?;
    let mut args = Vec::new();
    let mut room = MAX_ARGUMENTS;
    for _ in 0..count {
        let length = stream.read_u32_le().await?;
        room = room.checked_sub(length.max(ARGUMENT_COST)).ok_or(io::ErrorKind::InvalidData)?;
        let mut arg = vec![0; length as usize];
        stream.read_exact(&mut arg).await?;
        args.push(String::from_utf8_lossy(&arg).into_owned());
    }
    Ok((streams, args))
}

async fn run(lab: &Lab, words: &[&str]) -> Outcome {
    let usage = |what: &str| Err((2, format!("{what}\n\n{HELP}")));
    match words {
        [] | ["help" | "-h" | "--help", ..] => Ok(HELP.into()),
        ["ps"] => Ok(ps(lab)),
        ["df"] => df(lab).map_err(|error| (1, error.to_string())),
        ["logs", args @ ..] => logs(lab, args),
        ["start", nodes @ ..] if !nodes.is_empty() => act(lab, nodes, &NodeAction::Start).await,
        ["stop", nodes @ ..] if !nodes.is_empty() => act(lab, nodes, &NodeAction::Stop).await,
        ["restart", nodes @ ..] if !nodes.is_empty() => act(lab, nodes, &NodeAction::Restart).await,
        ["kill", node] => act(lab, &[node], &NodeAction::Signal("KILL".into())).await,
        ["kill", "--signal" | "-s", name, node] | ["kill", node, "--signal" | "-s", name] => {
            act(lab, &[node], &NodeAction::Signal((*name).into())).await
        }
        ["net"] => Ok(addresses(lab) + "\n" + &links(lab) + "\n" + &rules(lab)),
        ["net", "rules"] => Ok(rules(lab)),
        ["net", "clear"] => Ok(removed(lab.remove_rules(Actor::Operator, |_| true))),
        ["net", "clear", node] => {
            let port = find(lab, node)?.place.host;
            Ok(removed(lab.remove_rules(Actor::Operator, |rule| rule.from == port || rule.to == port)))
        }
        ["net", "remove", ids @ ..] if !ids.is_empty() => match ids.iter().map(|id| id.parse()).collect() {
            Ok::<Vec<u32>, _>(ids) => match lab.remove_rules(Actor::Operator, |rule| ids.contains(&rule.id)) {
                0 => Err((1, "there is no such rule; see `lab net rules`".into())),
                count => Ok(removed(count)),
            },
            Err(_) => usage("rules are removed by their number"),
        },
        [first @ ("start" | "stop" | "restart" | "kill"), ..] => usage(&format!("`lab {first}` needs a node")),
        [first, ..] => usage(&format!("`lab {first}` is not understood as it stands")),
    }
}

fn find<'a>(lab: &'a Lab, name: &str) -> Result<&'a Node, (u8, String)> {
    lab.node(name).ok_or_else(|| {
        let names: Vec<&str> = lab.nodes.iter().map(|node| node.address.name.as_str()).collect();
        (2, format!("there is no node `{name}`; there are {}", names.join(", ")))
    })
}

async fn act(lab: &Lab, nodes: &[&str], action: &NodeAction) -> Outcome {
    let mut text = String::new();
    for name in nodes {
        let node = find(lab, name)?;
        let state = node.act(action.clone(), Actor::Operator).await.map_err(|error| (1, error))?;
        let _ = writeln!(text, "{name}: {}", state_text(&state));
    }
    Ok(text)
}

fn logs(lab: &Lab, args: &[&str]) -> Outcome {
    let (mut node, mut count, mut since) = (None, 100, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| (2, format!("`{arg}` needs a value")));
        match *arg {
            "-n" | "--lines" => {
                let text = value()?;
                count = text.parse().map_err(|_| (2, format!("`{text}` is not a number of lines")))?;
            }
            "--since" => {
                let text = value()?;
                let age: Millis = text.parse().map_err(|error| (2, format!("`{text}`: {error}")))?;
                since = SystemTime::now().checked_sub(Duration::from_millis(age.0));
            }
            name => node = Some(find(lab, name)?),
        }
    }
    let node = node.ok_or_else(|| (2, "`lab logs` needs a node".into()))?;
    Ok(node.log(count, since))
}

fn ps(lab: &Lab) -> String {
    let rows = lab.nodes.iter().map(|node| {
        let pid = node.pid().map_or_else(|| "-".into(), |pid| pid.to_string());
        let uptime = node.uptime().map_or_else(|| "-".into(), |uptime| format!("{} s", uptime.as_secs()));
        let (name, role) = (node.address.name.clone(), node.address.role.clone());
        [name, role, pid, uptime, node.restarts().to_string(), state_text(&node.state())]
    });
    table(["NODE", "ROLE", "PID", "UPTIME", "RESTARTS", "STATE"], rows)
}

fn df(lab: &Lab) -> io::Result<String> {
    let rows = lab.nodes.iter().map(|node| {
        let (size, free) = node.disk()?;
        let used = size.saturating_sub(free);
        let kib = |bytes: u64| (bytes / 1024).to_string();
        let percent = (used * 100).checked_div(size).unwrap_or(0);
        Ok([node.address.name.clone(), kib(size), kib(used), kib(free), format!("{percent}%"), "/data".into()])
    });
    Ok(table(["NODE", "SIZE-KIB", "USED", "FREE", "USE%", "MOUNTED"], rows.collect::<io::Result<Vec<_>>>()?))
}

fn addresses(lab: &Lab) -> String {
    let rows = lab.nodes.iter().map(|node| {
        [
            node.address.name.clone(),
            node.address.role.clone(),
            node.address.address.to_string(),
            node.address.port.to_string(),
        ]
    });
    table(["NODE", "ROLE", "ADDRESS", "PORT"], rows)
}

fn links(lab: &Lab) -> String {
    let rows = lab.switch.counters().into_iter().map(|((from, to), counters)| {
        [
            lab.port_name(from),
            lab.port_name(to),
            counters.packets.to_string(),
            counters.bytes.to_string(),
            counters.denied.to_string(),
        ]
    });
    table(["FROM", "TO", "PACKETS", "BYTES", "DENIED"], rows)
}

fn rules(lab: &Lab) -> String {
    let rules = lab.rules();
    if rules.is_empty() {
        return "no rules\n".into();
    }
    let rows = rules.into_iter().map(|rule| {
        let action = match rule.rule.action {
            crate::runtime::LinkAction::Deny => "deny",
        };
        [rule.id.to_string(), rule.rule.from, rule.rule.to, action.into(), rule.packets.to_string()]
    });
    table(["RULE", "FROM", "TO", "ACTION", "PACKETS"], rows)
}

fn removed(count: u32) -> String {
    format!("removed {count} rule{}\n", if count == 1 { "" } else { "s" })
}

fn state_text(state: &NodeState) -> String {
    match state {
        NodeState::Running => "running".into(),
        NodeState::Paused => "stopped by a signal".into(),
        NodeState::Down(how) => format!("down ({how})"),
    }
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(String::from)).chain(rows).collect();
    let mut text = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
            let _ = if column + 1 == N { write!(text, "{cell}") } else { write!(text, "{cell:width$}  ") };
        }
        text.push('\n');
    }
    text
}

async fn exec(lab: &Lab, name: &str, rest: &[&str], streams: [OwnedFd; 3], caller: &mut UnixStream) -> u8 {
    let [stdin, stdout, stderr] = streams;
    let say = |text: String, to: OwnedFd| async move {
        let _ =
            tokio::task::spawn_blocking(move || File::from(to).write_all(format!("lab: {text}\n").as_bytes())).await;
    };
    let node = match find(lab, name) {
        Ok(node) => node,
        Err((code, text)) => {
            say(text, stderr).await;
            return code;
        }
    };
    let words = rest.strip_prefix(&["--"]).unwrap_or(rest);
    let [program, args @ ..] = words else {
        say("`lab exec` needs a command: lab exec NODE -- COMMAND...".into(), stderr).await;
        return 2;
    };
    let mut command = Command::new(program);
    environment(&mut command);
    let Ok(kept) = stderr.try_clone() else { return 125 };
    command.args(args).stdin(stdin).stdout(stdout).stderr(stderr);
    match lab.spawn_on_node(node, command, Actor::Operator) {
        Ok(started) => {
            let mut exit = started.exit;
            let mut byte = [0];
            tokio::select! {
                result = &mut exit => exit_code(result.ok()),
                // The caller is gone: so is what it started.
                _ = caller.read(&mut byte) => {
                    let group = nix::unistd::Pid::from_raw(started.child.id().cast_signed());
                    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
                    exit_code(exit.await.ok())
                }
            }
        }
        Err(error) => {
            say(format!("{program}: {error}"), kept).await;
            127
        }
    }
}

/// As shells report it.
fn exit_code(exit: Option<Exit>) -> u8 {
    match exit {
        Some(Exit::Code(code)) => code as u8,
        Some(Exit::Signal(signal)) => 128 + signal as u8,
        None => 125,
    }
}

/// The first byte carries three descriptors.
async fn receive_streams(stream: &UnixStream) -> io::Result<[OwnedFd; 3]> {
    let fds = stream
        .async_io(Interest::READABLE, || {
            let mut byte = [0];
            let mut iov = [IoSliceMut::new(&mut byte)];
            // Room for as many as the kernel passes at all: those that find none would stay open for ever.
            let mut space = nix::cmsg_space!([std::os::fd::RawFd; 253]);
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let message = recvmsg::<()>(stream.as_raw_fd(), &mut iov, Some(&mut space), flags)?;
            let mut fds = Vec::new();
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmRights(received) = control {
                    // SAFETY: the kernel has just made these descriptors for this process.
                    fds.extend(received.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                }
            }
            Ok(fds)
        })
        .await?;
    fds.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}
