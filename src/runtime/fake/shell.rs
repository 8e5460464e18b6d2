//! The fake shell: a few commands, joined by `;`, `&&`, `||` or line ends.
//!
//! `true`, `false`, `sleep SECONDS [&]`, `echo WORDS`, `exit CODE` and the operator's tool:
//! `lab ps`, `lab start|stop|restart NODE`, `lab kill [--signal SIG] NODE`, `lab logs NODE [-n N]`,
//! `lab net`, `lab net remove RULE`, `lab net clear [NODE]`.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::super::{Exec, ExecOutput, LinkRule, NewLinkRule, NodeAction, NodeState};
use super::lab::Shared;
use crate::model::event::{Actor, NodeChange};

/// Runs a line within its time limit.
pub(super) async fn run(shared: &Shared, exec: &Exec, by: Actor) -> ExecOutput {
    let mut output = String::new();
    let exit = timeout(exec.timeout, script(shared, &exec.line, by, &mut output)).await;
    ExecOutput { timed_out: exit.is_err(), exit: exit.ok(), output, cut_bytes: 0 }
}

async fn script(shared: &Shared, line: &str, by: Actor, output: &mut String) -> i32 {
    let spaced = line.replace("&&", " && ").replace("||", " || ").replace([';', '\n'], " ; ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut exit = 0;
    let mut rest = words.as_slice();
    let mut joint = ";";
    loop {
        let end = rest.iter().position(|word| matches!(*word, ";" | "&&" | "||")).unwrap_or(rest.len());
        let skipped = (joint == "&&" && exit != 0) || (joint == "||" && exit == 0);
        if end > 0 && !skipped {
            exit = command(shared, &rest[..end], by, output).await;
            if rest[0] == "exit" {
                return exit;
            }
        }
        match rest.get(end) {
            Some(next) => joint = next,
            None => return exit,
        }
        rest = &rest[end + 1..];
    }
}

async fn command(shared: &Shared, words: &[&str], by: Actor, output: &mut String) -> i32 {
    match words {
        ["true" | "set", ..] | [] => 0,
        ["false"] => 1,
        ["exit", code] => code.parse().unwrap_or(2),
        ["echo", rest @ ..] => {
            let _ = writeln!(output, "{}", rest.join(" "));
            0
        }
        ["sleep", seconds, background @ ..] => {
            let seconds = seconds.parse().unwrap_or(f64::NAN);
            let Ok(time) = Duration::try_from_secs_f64(seconds) else {
                return 1;
            };
            if background == ["&"] {
                shared.world().background.push(Instant::now() + time);
            } else {
                sleep(time).await;
            }
            0
        }
        ["lab", words @ ..] => match lab(shared, words, by) {
            Ok(text) => {
                output.push_str(&text);
                0
            }
            Err(text) => {
                let _ = writeln!(output, "lab: {text}");
                1
            }
        },
        [word, ..] => {
            let _ = writeln!(output, "sh: 1: {word}: not found");
            127
        }
    }
}

fn lab(shared: &Shared, words: &[&str], by: Actor) -> Result<String, String> {
    let act = |node: &str, action: &NodeAction| match shared.act(node, action, by) {
        Ok(()) => Ok(String::new()),
        Err(error) => Err(error.to_string()),
    };
    let signal = |name: &str| NodeAction::Signal(name.to_owned());
    match words {
        ["start", node] => act(node, &NodeAction::Start),
        ["stop", node] => act(node, &NodeAction::Stop),
        ["restart", node] => act(node, &NodeAction::Restart),
        ["kill", node] => act(node, &signal("KILL")),
        ["kill", "--signal", name, node] => act(node, &signal(name)),
        ["ps"] => Ok(ps(shared)),
        ["logs", node] => logs(shared, node, usize::MAX),
        ["logs", node, "-n", lines] => logs(shared, node, lines.parse().unwrap_or(0)),
        ["net"] => Ok(rules(shared)),
        ["net", "clear"] => Ok(clear(shared, None, by, |_| true)),
        ["net", "clear", node] => {
            let known = shared.world().index(node).map(|_| ());
            known.map_err(|error| error.to_string())?;
            let concerns = |rule: &NewLinkRule| rule.from == *node || rule.to == *node;
            Ok(clear(shared, Some(node), by, |each| concerns(&each.rule)))
        }
        ["net", "remove", rule] => {
            let id = rule.parse::<u32>().map_err(|_| format!("{rule} is not the id of a rule"))?;
            Ok(clear(shared, None, by, |each: &LinkRule| each.id == id))
        }
        _ => Err("unknown command; try `lab ps`".to_owned()),
    }
}

fn ps(shared: &Shared) -> String {
    let world = shared.world();
    let mut text = String::new();
    for node in &world.nodes {
        let state = match &node.state {
            NodeState::Running => "running",
            NodeState::Paused => "paused",
            NodeState::Down(how) => how,
        };
        let _ = writeln!(text, "{} {state}", node.name);
    }
    text
}

/// The last lines of a node's log.
fn logs(shared: &Shared, node: &str, lines: usize) -> Result<String, String> {
    let world = shared.world();
    let index = world.index(node).map_err(|error| error.to_string())?;
    let log = &world.nodes[index].log;
    Ok(log[log.len().saturating_sub(lines)..].join("\n") + "\n")
}

fn rules(shared: &Shared) -> String {
    let world = shared.world();
    let mut text = String::new();
    for LinkRule { id, rule, packets } in &world.rules {
        let _ = writeln!(text, "{id} {} -> {} deny, {packets} packets", rule.from, rule.to);
    }
    text
}

/// Removes rules and reports it once per node: `node`, or else the senders.
fn clear(shared: &Shared, node: Option<&str>, by: Actor, gone: impl Fn(&LinkRule) -> bool) -> String {
    let removed = shared.world().remove_rules(gone);
    let mut counts = std::collections::BTreeMap::<&str, u32>::new();
    for LinkRule { rule, .. } in &removed {
        *counts.entry(node.unwrap_or(&rule.from)).or_default() += 1;
    }
    for (node, count) in counts {
        shared.report(node, NodeChange::RulesRemoved { count }, by);
    }
    format!("{} rules removed\n", removed.len())
}
