//! The process runtime, with real namespaces and processes.

use std::time::{Duration, Instant};

use harness::runtime::process::ProcessRuntime;
use harness::runtime::{Exec, Lab, LabRequest, LinkAction, NewLinkRule, NodeAction, NodeRequest, NodeState, Place, Runtime};

fn runtime() -> ProcessRuntime {
    ProcessRuntime::with_program(env!("CARGO_BIN_EXE_harness").into())
}

/// Nodes that run this shell command.
fn request(count: usize, line: &str) -> LabRequest {
    let node = |number: usize| NodeRequest {
        name: format!("n{number}"),
        role: "store".into(),
        port: 7000,
        command: ["sh", "-c", line].map(String::from).to_vec(),
        env: Vec::new(),
        data_bytes: 1 << 20,
    };
    LabRequest { nodes: (1..=count).map(node).collect() }
}

async fn sh(lab: &dyn Lab, place: Place, line: &str) -> String {
    let exec = Exec { place, line: line.into(), timeout: Duration::from_secs(5), max_output: 10_000 };
    let output = lab.exec(exec).await.unwrap();
    format!("{}[{}]", output.output, output.exit.map_or("-".into(), |code| code.to_string()))
}

#[tokio::test]
async fn smoke() {
    let begin = Instant::now();
    let lab = runtime().provision(request(3, "echo hello; exec sleep 1000")).await.unwrap();
    println!("up {:?}", begin.elapsed());
    assert_eq!(lab.node_state("n1").await.unwrap(), NodeState::Running);
    for line in ["id; pwd; ls -la / /dev /etc; hostname; ps aux; mount; cat /proc/self/status | grep Cap", "lab ps; lab net; lab df; lab logs n1; lab exec n1 -- ps aux; lab exec n1 -- ls -la / /data; lab", "ping -c1 n1; ip a; ip route"] {
        let begin = Instant::now();
        println!("{}", sh(&*lab, Place::Operator, line).await);
        println!("{:?}", begin.elapsed());
    }
    let pairs = vec![("n1".to_string(), "n2".to_string()), ("n2".into(), "n1".into()), ("n1".into(), "n3".into())];
    for _ in 0..3 {
        println!("{:?}", lab.reach(pairs.clone(), Duration::from_millis(100)).await.unwrap());
    }
    let ids = lab.add_link_rules(vec![NewLinkRule { from: "n1".into(), to: "n2".into(), action: LinkAction::Deny }]).await.unwrap();
    println!("{:?}", lab.reach(pairs.clone(), Duration::from_millis(20)).await.unwrap());
    println!("{}", sh(&*lab, Place::Operator, "lab net rules; lab net remove 1; sleep 100 & lab exec n2 -- sh -c 'setsid sleep 77 & echo x'").await);
    println!("{ids:?} {:?}", lab.reach(pairs, Duration::from_millis(20)).await.unwrap());
    println!("{:?}", lab.freeze().await);
    println!("{:?}", lab.act("n1", NodeAction::Signal("KILL".into())).await);
    println!("{:?}", lab.act("n2", NodeAction::Signal("STOP".into())).await);
    println!("{:?}", lab.act("n1", NodeAction::Restart).await);
    while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(10), lab.next_change()).await { println!("{change:?}"); }
    let begin = Instant::now();
    println!("{:?}", lab.teardown().await);
    println!("down {:?}", begin.elapsed());
}

fn kv() -> LabRequest {
    let words = "harness service kv --name {node} --listen 0.0.0.0:{port} --data {data} --initial-cluster {nodes}";
    let node = |number: usize| NodeRequest {
        name: format!("kv{number}"),
        role: "store".into(),
        port: 7400,
        command: words.split(' ').map(String::from).collect(),
        env: Vec::new(),
        data_bytes: 64 << 20,
    };
    LabRequest { nodes: (1..=3).map(node).collect() }
}

#[tokio::test]
async fn smoke_kv() {
    let begin = Instant::now();
    let lab = runtime().provision(kv()).await.unwrap();
    println!("up {:?}", begin.elapsed());
    for _ in 0..1 {
    println!("{}", sh(&*lab, Place::Operator, "for i in 1 2 3; do curl -s -m1 http://kv$i:7400/status; echo; done").await);
    println!("{:?}", begin.elapsed());
    }
    println!("{}", sh(&*lab, Place::Operator, "lab exec kv1 -- ps aux; lab exec kv1 -- ls -la /proc/1/exe /proc/1/fd; lab exec kv1 -- cat /proc/1/cmdline; lab logs kv1; lab logs kv2; lab df; lab net; curl -i -s -XPUT -d hello http://kv1:7400/kv/a; curl -s http://kv2:7400/kv/a").await);
    println!("{:?}", begin.elapsed());
    println!("{}", sh(&*lab, Place::Operator, "lab kill kv1; sleep 2; curl -s http://kv2:7400/health;  lab start kv1; sleep 1; curl -s http://kv1:7400/kv/a").await);
    let begin = Instant::now();
    println!("{:?}", lab.teardown().await);
    println!("down {:?}", begin.elapsed());
}
