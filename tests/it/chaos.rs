//! Faults against the fake lab: targets, proof, heal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::chaos::{Chaos, NotLanded, Queue};
use harness::model::event::Body;
use harness::runtime::fake::{FakeLab, Options};
use harness::runtime::{Lab, NodeAction, NodeState};
use harness::spec::fault;
use tokio::time::sleep;

struct Bench {
    lab: FakeLab,
    chaos: Arc<Chaos>,
    record: Arc<Mutex<Vec<Body>>>,
}

fn bench(options: Options) -> Bench {
    let lab = FakeLab::new(&["kv1", "kv2", "kv3"], Options { ready_after: Duration::ZERO, ..options });
    let record = Arc::new(Mutex::new(Vec::new()));
    let emit = {
        let record = record.clone();
        Arc::new(move |body| record.lock().unwrap().push(body))
    };
    let chaos = Arc::new(Chaos::new(Arc::new(lab.clone()), None, emit));
    Bench { lab, chaos, record }
}

impl Bench {
    async fn inject(&self, yaml: &str) -> Result<(), NotLanded> {
        let faults: Vec<fault::Chaos> = serde_json::from_str(yaml).unwrap();
        self.chaos.inject(Queue::new(&faults, 7)).await
    }

    fn record(&self) -> Vec<Body> {
        self.record.lock().unwrap().clone()
    }

    fn evidence(&self) -> String {
        let proven = self.record().into_iter().find_map(|body| match body {
            Body::FaultProven { evidence, .. } => Some(evidence.join("\n")),
            _ => None,
        });
        proven.expect("a proof")
    }

    fn count(&self, wanted: fn(&Body) -> bool) -> usize {
        self.record().iter().filter(|body| wanted(body)).count()
    }
}

const KILL: &str = r#"[{"node_kill": {"target": {"node": "kv2"}}}]"#;
const PAUSE: &str = r#"[{"node_pause": {"target": {"node": "kv2"}}}]"#;
const CUT: &str = r#"[{"partition": {"target": {"node": "kv2"}, "from": "others"}}]"#;

#[tokio::test(start_paused = true)]
async fn each_fault_is_proven_and_healed() {
    for (yaml, seen) in [
        (KILL, "kv2: connection refused"),
        (PAUSE, "kv2 does not answer within"),
        (CUT, "4 of 4 rules have dropped packets"),
    ] {
        let bench = bench(Options::default());
        bench.inject(yaml).await.unwrap();
        assert!(bench.evidence().contains(seen), "{}", bench.evidence());
        assert!(bench.chaos.heal().await);
        assert!(bench.chaos.heal().await, "healing twice is harmless");
        assert_eq!(bench.count(|body| matches!(body, Body::FaultHealed { .. })), 1);
        assert_eq!(bench.lab.node_state("kv2").await.unwrap(), NodeState::Running);
        assert!(bench.lab.link_rules().await.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_tells_of_the_others_too() {
    let bench = bench(Options::default());
    bench.inject(PAUSE).await.unwrap();
    for name in ["kv1", "kv3"] {
        assert!(bench.evidence().contains(&format!("{name} is running")), "{}", bench.evidence());
        assert!(bench.evidence().contains(&format!("{name} answers in")), "{}", bench.evidence());
    }
}

#[tokio::test(start_paused = true)]
async fn directions_are_seen_from_the_target() {
    for (direction, from, to) in [("in", "kv1", "kv2"), ("out", "kv2", "kv1")] {
        let bench = bench(Options::default());
        let yaml = format!(
            r#"[{{"partition": {{"target": {{"node": "kv2"}}, "from": {{"node": "kv1"}}, "direction": "{direction}"}}}}]"#
        );
        bench.inject(&yaml).await.unwrap();
        let rules = bench.lab.link_rules().await.unwrap();
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].rule.from.as_str(), rules[0].rule.to.as_str()), (from, to));
    }
}

#[tokio::test(start_paused = true)]
async fn proofs_are_quick() {
    for yaml in [KILL, CUT] {
        let bench = bench(Options::default());
        bench.inject(yaml).await.unwrap();
        let took = bench.record().into_iter().find_map(|body| match body {
            Body::FaultProven { took_us, .. } => Some(took_us),
            _ => None,
        });
        assert!(took.unwrap() < 50_000, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_down_already_cannot_be_killed() {
    let bench = bench(Options::default());
    bench.lab.crash("kv2", "by itself");
    let error = bench.inject(KILL).await.unwrap_err();
    assert!(error.to_string().contains("kv2 is down"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_somebody_removes_is_noticed_once() {
    for (yaml, repair) in [
        (KILL, NodeAction::Start),
        (PAUSE, NodeAction::Signal("CONT".into())),
        (PAUSE, NodeAction::Signal("KILL".into())),
    ] {
        let bench = bench(Options::default());
        bench.inject(yaml).await.unwrap();
        let chaos = bench.chaos.clone();
        let watch = tokio::spawn(async move { chaos.watch().await });
        sleep(Duration::from_secs(2)).await;
        assert_eq!(bench.count(|body| matches!(body, Body::FaultGone { .. })), 0);
        bench.lab.act("kv2", repair).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(bench.count(|body| matches!(body, Body::FaultGone { .. })), 1);
        watch.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn removed_rules_are_noticed_and_foreign_ones_stay() {
    let bench = bench(Options::default());
    let foreign = harness::runtime::NewLinkRule {
        from: "kv1".into(),
        to: "kv3".into(),
        action: harness::runtime::LinkAction::Deny,
    };
    bench.lab.add_link_rules(vec![foreign.clone()]).await.unwrap();
    bench.inject(CUT).await.unwrap();
    let chaos = bench.chaos.clone();
    let watch = tokio::spawn(async move { chaos.watch().await });
    let ours = bench.lab.link_rules().await.unwrap().into_iter().find(|rule| rule.rule != foreign).unwrap();
    bench.lab.remove_link_rules(vec![ours.id]).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.count(|body| matches!(body, Body::FaultGone { .. })), 1);
    watch.abort();
    assert!(bench.chaos.heal().await);
    let left = bench.lab.link_rules().await.unwrap();
    assert_eq!(left.into_iter().map(|rule| rule.rule).collect::<Vec<_>>(), [foreign]);
}

#[tokio::test(start_paused = true)]
async fn overlapping_faults_are_told_apart() {
    let bench = bench(Options::default());
    let yaml = r#"[{"node_kill": {"target": {"node": "kv1"}}}, {"node_kill": {"target": {"node": "kv2"}}},
                   {"partition": {"target": {"node": "kv3"}, "from": "others"}}]"#;
    bench.inject(yaml).await.unwrap();
    assert_eq!(bench.count(|body| matches!(body, Body::FaultProven { landed: true, .. })), 3);
    assert!(bench.chaos.heal().await);
    assert_eq!(bench.count(|body| matches!(body, Body::FaultHealed { proven: true, .. })), 3);
}
