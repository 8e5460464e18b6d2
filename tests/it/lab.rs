//! Labs of the process runtime, with real namespaces and processes.

use std::time::Duration;

use harness::model::event::{Actor, NodeChange};
use harness::runtime::{
    Exec, Lab, LabChange, LabError, LinkAction, NewLinkRule, NodeAction, NodeState, Place, Reach, Runtime,
};

use crate::support::{eventually, exec, kv_nodes, operator, process_runtime, shell_nodes};

/// Ends at SIGTERM, which the first process of a pid namespace must ask for.
const IDLE: &str = "trap exit TERM; echo started as $HOSTNAME; echo \"$GREETING\"; sleep 1000 & wait";

async fn lab(count: usize, line: &str) -> Box<dyn Lab> {
    process_runtime().provision(shell_nodes(count, line)).await.expect("namespaces are allowed here")
}

fn signal(name: &str) -> NodeAction {
    NodeAction::Signal(name.into())
}

fn node(name: &str) -> Place {
    Place::Node(name.into())
}

fn arrived(reach: &[Reach]) -> Vec<bool> {
    reach.iter().map(|reach| reach.took_us.is_some()).collect()
}

async fn changes(lab: &dyn Lab) -> Vec<LabChange> {
    let mut all = Vec::new();
    while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(100), lab.next_change()).await {
        all.push(change);
    }
    all
}

async fn clean_end(lab: Box<dyn Lab>) {
    let first = lab.teardown().await;
    assert_eq!(first.leftovers, Vec::<String>::new());
    // A second time is harmless.
    assert_eq!(lab.teardown().await, first);
    assert!(matches!(lab.node_state("n1").await, Err(LabError::Gone(_))));
}

#[tokio::test]
async fn nodes_start_with_their_own_name_log_and_data() {
    let lab = lab(2, IDLE).await;
    for name in ["n1", "n2"] {
        assert_eq!(lab.node_state(name).await.unwrap(), NodeState::Running);
        let log = format!("started as {name}\nhello from {name}\n");
        eventually("the log", async || lab.logs(name, 10).await.unwrap() == log).await;
        assert_eq!(exec(&*lab, node(name), "hostname").await.output, format!("{name}\n"));
    }
    assert_eq!(lab.logs("n1", 1).await.unwrap(), "hello from n1\n");
    exec(&*lab, node("n1"), "echo kept > /data/file").await;
    assert_eq!(exec(&*lab, node("n2"), "ls -A /data").await.output, "");
    assert!(matches!(lab.node_state("n9").await, Err(LabError::NoSuchNode(name)) if name == "n9"));
    clean_end(lab).await;
}

#[tokio::test]
async fn a_killed_node_stays_down_until_started_and_keeps_its_data() {
    let lab = lab(2, IDLE).await;
    exec(&*lab, node("n1"), "echo kept > /data/file").await;
    assert_eq!(lab.act("n1", signal("KILL")).await.unwrap(), NodeState::Down("signal KILL".into()));
    assert_eq!(lab.node_state("n2").await.unwrap(), NodeState::Running);
    // Its files can be reached while it is down.
    assert_eq!(exec(&*lab, node("n1"), "cat /data/file; echo more > /data/more").await.output, "kept\n");
    assert_eq!(lab.act("n1", NodeAction::Start).await.unwrap(), NodeState::Running);
    assert_eq!(exec(&*lab, node("n1"), "cat /data/file /data/more").await.output, "kept\nmore\n");
    let seen: Vec<_> = changes(&*lab).await.into_iter().filter(|change| change.node == "n1").collect();
    let expected = [NodeChange::Started, NodeChange::Killed, NodeChange::Started];
    assert_eq!(seen.iter().map(|change| change.change.clone()).collect::<Vec<_>>(), expected);
    assert!(seen.iter().all(|change| change.by == Actor::Harness));
    clean_end(lab).await;
}

#[tokio::test]
async fn a_node_that_ends_by_itself_is_told() {
    let lab = lab(1, "sleep 0.1; exit 3").await;
    eventually("the end", async || lab.node_state("n1").await.unwrap() == NodeState::Down("exit code 3".into())).await;
    let last = changes(&*lab).await.pop().unwrap();
    let change = NodeChange::Exited { how: "exit code 3".into() };
    assert_eq!(last, LabChange { node: "n1".into(), change, by: Actor::Itself });
    clean_end(lab).await;
}

#[tokio::test]
async fn signals_pause_and_continue_and_stop_ends_what_ignores_it() {
    let lab = lab(1, "trap '' TERM; while :; do sleep 0.05; done").await;
    assert_eq!(lab.act("n1", signal("STOP")).await.unwrap(), NodeState::Paused);
    assert_eq!(lab.act("n1", signal("CONT")).await.unwrap(), NodeState::Running);
    assert_eq!(lab.act("n1", signal("STOP")).await.unwrap(), NodeState::Paused);
    // A paused node that ignores SIGTERM still ends, and a restart gives a new process.
    assert_eq!(lab.act("n1", NodeAction::Restart).await.unwrap(), NodeState::Running);
    assert!(
        matches!(lab.act("n1", signal("NONSENSE")).await, Err(LabError::Failed(text)) if text.contains("NONSENSE"))
    );
    clean_end(lab).await;
}

#[tokio::test]
async fn rules_cut_exactly_their_link_and_survive_a_restart() {
    let lab = lab(3, IDLE).await;
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let pairs = vec![pair("n1", "n2"), pair("n2", "n1"), pair("n1", "n3"), pair("n3", "n1")];
    let reach = async |wait| arrived(&lab.reach(pairs.clone(), Duration::from_millis(wait)).await.unwrap());
    assert_eq!(reach(2000).await, [true; 4]);
    let rule = NewLinkRule { from: "n1".into(), to: "n2".into(), action: LinkAction::Deny };
    let ids = lab.add_link_rules(vec![rule.clone()]).await.unwrap();
    assert_eq!(reach(200).await, [false, true, true, true]);
    lab.act("n1", NodeAction::Restart).await.unwrap();
    assert_eq!(reach(200).await, [false, true, true, true]);
    let rules = lab.link_rules().await.unwrap();
    assert_eq!((rules.len(), &rules[0].rule, rules[0].packets >= 2), (1, &rule, true));
    assert_eq!(lab.remove_link_rules(ids.clone()).await.unwrap(), 1);
    assert_eq!(lab.remove_link_rules(ids).await.unwrap(), 0);
    assert_eq!(reach(2000).await, [true; 4]);
    clean_end(lab).await;
}

#[tokio::test]
async fn commands_are_bounded_in_time_and_output() {
    let lab = lab(1, IDLE).await;
    let run = async |line: &str, timeout, max_output| {
        let timeout = Duration::from_millis(timeout);
        lab.exec(Exec { place: Place::Operator, line: line.into(), timeout, max_output }).await.unwrap()
    };
    let done = run("echo out; echo err >&2; exit 7", 5000, 1000).await;
    assert_eq!((done.output.as_str(), done.exit, done.timed_out), ("out\nerr\n", Some(7), false));
    let long = run("seq 100000", 5000, 100).await;
    assert!(long.output.starts_with("1\n2\n3\n") && long.output.ends_with("99999\n100000\n"), "{}", long.output);
    assert_eq!(long.cut_bytes, 588_895 - 100);
    let slow = run("echo begun; sleep 1000 & sleep 1000", 300, 1000).await;
    assert_eq!((slow.output.as_str(), slow.exit, slow.timed_out), ("begun\n", None, true));
    assert_eq!(operator(&*lab, "ps -e -o args= | grep -c '[s]leep 1000'").await, "0\n");
    // What stays in the background does not hold the command up.
    let background = run("sleep 1000 & echo done", 5000, 1000).await;
    assert_eq!((background.output.as_str(), background.timed_out), ("done\n", false));
    // A caller that goes away takes its command along.
    let call = lab.exec(Exec {
        place: Place::Operator,
        line: "exec sleep 2000".into(),
        timeout: Duration::from_mins(1),
        max_output: 10,
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    let count = async || operator(&*lab, "ps -e -o args= | grep -c '[s]leep 2000'").await;
    eventually("the end of the command", async || count().await == "0\n").await;
    clean_end(lab).await;
}

#[tokio::test]
async fn a_freeze_ends_whatever_the_operator_started() {
    let lab = lab(2, IDLE).await;
    let line = "setsid sleep 111 & nohup sleep 222 >/dev/null 2>&1 &
        lab exec n1 -- sh -c 'setsid sleep 333 >/dev/null 2>&1 &'
        lab kill n2; lab exec n2 -- sh -c 'echo there'";
    assert_eq!(operator(&*lab, line).await, "n2: down (signal KILL)\nthere\n");
    let on_node = "lab exec n1 -- ps -e -o args=";
    assert!(operator(&*lab, on_node).await.contains("sleep 333"));
    assert!(lab.freeze().await.unwrap().ended >= 3);
    assert!(!operator(&*lab, on_node).await.contains("sleep 333"));
    assert_eq!(operator(&*lab, "ps -e -o args= | grep -c '[s]leep'").await, "0\n");
    // Nodes are not the operator's.
    assert_eq!(lab.node_state("n1").await.unwrap(), NodeState::Running);
    assert_eq!(lab.freeze().await.unwrap().ended, 0);
    clean_end(lab).await;
}

#[tokio::test]
async fn a_freeze_spares_nodes_that_the_operator_has_started() {
    let lab = lab(3, IDLE).await;
    lab.act("n1", signal("KILL")).await.unwrap();
    // Numbers of namespaces are used again: those of the short commands must not be mistaken for the node's.
    let line = "for i in 1 2 3 4 5; do lab exec n2 -- true; lab restart n1 n3; done";
    assert_eq!(operator(&*lab, line).await.lines().count(), 10);
    lab.freeze().await.unwrap();
    for name in ["n1", "n2", "n3"] {
        assert_eq!(lab.node_state(name).await.unwrap(), NodeState::Running, "{name}");
    }
    clean_end(lab).await;
}

#[tokio::test]
async fn nothing_is_done_for_the_operator_after_a_freeze() {
    let lab = lab(2, IDLE).await;
    let line = "for i in $(seq 200); do lab restart n2 n2 n2 >/dev/null 2>&1 & done; sleep 0.3";
    operator(&*lab, line).await;
    lab.freeze().await.unwrap();
    let before = changes(&*lab).await;
    assert!(before.iter().any(|change| change.by == Actor::Operator));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let by_operator = |change: &LabChange| change.by == Actor::Operator;
    assert!(!changes(&*lab).await.iter().any(by_operator));
    assert!(operator(&*lab, "lab ps").await.contains("n2"), "the cockpit is there again");
    clean_end(lab).await;
}

#[tokio::test]
async fn the_cockpit_survives_nonsense() {
    let lab = lab(1, IDLE).await;
    let nonsense = "import socket, array, time
fds = array.array('i', [0] * 10)
sent = 0
while sent < 2000:
    s = socket.socket(socket.AF_UNIX); s.connect('/run/lab.sock')
    try: s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]); sent += 1
    except OSError: time.sleep(0.01)
    s.close()
idle = []
for i in range(100):
    s = socket.socket(socket.AF_UNIX); s.connect('/run/lab.sock'); idle.append(s)
    s.sendmsg([b'x\\xff\\xff\\xff\\xff\\x01\\0\\0\\0'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds[:3])])
print('sent')";
    let line = format!("python3 -c \"{nonsense}\" && lab ps");
    let output = operator(&*lab, &line).await;
    assert!(output.starts_with("sent\n") && output.contains("n1"), "{output}");
    clean_end(lab).await;
}

#[tokio::test]
async fn the_cockpit_shows_and_does() {
    let lab = lab(2, IDLE).await;
    eventually("the log", async || lab.logs("n1", 10).await.unwrap().lines().count() == 2).await;
    let ps = operator(&*lab, "lab ps").await;
    assert!(ps.starts_with("NODE  ROLE   PID") && ps.lines().count() == 3 && ps.contains("running"), "{ps}");
    assert_eq!(operator(&*lab, "lab logs n1 -n 1; lab logs n1 --since 1h").await.lines().count(), 3);
    assert_eq!(operator(&*lab, "lab stop n1; lab start n1; lab kill n1 --signal STOP").await.lines().count(), 3);
    assert!(operator(&*lab, "lab ps").await.contains("stopped by a signal"));
    assert_eq!(operator(&*lab, "lab restart n1 n2").await, "n1: running\nn2: running\n");
    assert_eq!(
        operator(&*lab, "echo text | lab exec n1 -- sh -c 'cat > /data/f'; lab exec n1 -- cat /data/f").await,
        "text\n"
    );
    assert_eq!(exec(&*lab, Place::Operator, "lab exec n1 -- sh -c 'exit 9'").await.exit, Some(9));
    let rule = |from: &str, to: &str| NewLinkRule { from: from.into(), to: to.into(), action: LinkAction::Deny };
    lab.add_link_rules(vec![rule("n1", "n2"), rule("n2", "n1")]).await.unwrap();
    changes(&*lab).await;
    assert!(operator(&*lab, "lab net").await.contains("deny"));
    assert_eq!(operator(&*lab, "lab net remove 1").await, "removed 1 rule\n");
    let removed = NodeChange::RulesRemoved { count: 1 };
    let told = changes(&*lab).await;
    assert!(
        told.len() == 2 && told.iter().all(|told| told.change == removed && told.by == Actor::Operator),
        "{told:?}"
    );
    assert_eq!(operator(&*lab, "lab net clear n2; lab net rules").await, "removed 1 rule\nno rules\n");
    assert!(operator(&*lab, "lab df").await.contains("n2    1024"));
    for (line, code, text) in [
        ("lab restart", Some(2), "needs a node"),
        ("lab start n9", Some(2), "there are n1, n2"),
        ("lab net remove 77", Some(1), "no such rule"),
        ("lab dance", Some(2), "Usage: lab COMMAND"),
        ("lab exec n1 -- no-such-program", Some(127), "no-such-program"),
    ] {
        let output = exec(&*lab, Place::Operator, line).await;
        assert_eq!((output.exit, output.output.contains(text)), (code, true), "{line}: {}", output.output);
    }
    clean_end(lab).await;
}

#[tokio::test]
async fn a_lab_that_is_dropped_is_gone() {
    let lab = lab(1, IDLE).await;
    drop(lab);
    // Nothing to assert on the lab: `tests/it/cleanup.rs` looks from outside.
    let half = process_runtime();
    let provision = half.provision(shell_nodes(1, IDLE));
    assert!(tokio::time::timeout(Duration::from_millis(5), provision).await.is_err(), "5 ms are enough for a lab");
}

#[tokio::test]
async fn labs_side_by_side_do_not_see_each_other() {
    let (one, two) = tokio::join!(lab(2, IDLE), lab(2, IDLE));
    let rule = NewLinkRule { from: "n1".into(), to: "n2".into(), action: LinkAction::Deny };
    one.add_link_rules(vec![rule]).await.unwrap();
    exec(&*one, node("n1"), "echo 1 > /data/file").await;
    let pairs = vec![("n1".to_owned(), "n2".to_owned())];
    assert_eq!(arrived(&two.reach(pairs, Duration::from_secs(2)).await.unwrap()), [true]);
    assert_eq!(exec(&*two, node("n1"), "ls -A /data").await.output, "");
    assert_eq!(operator(&*two, "lab net rules").await, "no rules\n");
    clean_end(one).await;
    assert_eq!(two.node_state("n1").await.unwrap(), NodeState::Running);
    clean_end(two).await;
}

#[tokio::test]
async fn connections_reach_nodes_from_the_clients_place() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let lab = process_runtime().provision(kv_nodes()).await.unwrap();
    let get = async |path: &str| -> std::io::Result<String> {
        let mut stream = lab.connect("kv1", 7400).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: kv1\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    eventually("readiness", async || get("/ready").await.is_ok_and(|text| text.starts_with("HTTP/1.1 200"))).await;
    let refused = lab.connect("kv1", 9).await.err().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // More at the same time than are fetched at once.
    let many = futures_util::future::join_all((0..100).map(|_| get("/health"))).await;
    assert!(many.iter().all(Result::is_ok));
    lab.teardown().await;
}
