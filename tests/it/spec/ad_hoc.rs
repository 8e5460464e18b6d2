//! Plans from command-line arguments.

use harness::spec::fault::{Chaos, From, Pick};
use harness::spec::{self, AdHoc, Style};

use super::snapshots;
use crate::support::redact;

fn args(chaos: &str) -> AdHoc {
    AdHoc {
        subject: "kv".into(),
        chaos: chaos.into(),
        variants: Vec::new(),
        baseline: false,
        runtime: None,
        repeats: 1,
        parallel: 1,
        seed: 7,
    }
}

#[test]
fn a_name_alone_means_one_node_at_random() {
    let plan = spec::ad_hoc(&args("node_kill")).unwrap();
    assert_eq!(plan.summary(), "1 scenario x 1 variant x 1 repeat = 1 trial");
    assert_eq!((plan.name.as_str(), plan.seed), ("kv-node-kill", 7));
    assert_eq!(plan.variants[0].baseline, Some(true));
    assert_eq!(plan.scenarios[0].chaos[0].target().pick, Some(Pick::Random));
    let plan = spec::ad_hoc(&args("partition")).unwrap();
    assert!(matches!(&plan.scenarios[0].chaos[0], Chaos::Partition(it) if matches!(it.from, From::Others)));
}

#[test]
fn settings_follow_the_name() {
    let mut args = args("node_pause:{target: {pick: leader}, duration: 3s}");
    args.variants = vec!["oracle".into(), "variants/restart-all.yaml".into()];
    args.baseline = true;
    let plan = spec::ad_hoc(&args).unwrap();
    let names: Vec<_> = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["baseline", "oracle", "restart-all"]);
    assert_eq!(plan.scenarios[0].chaos[0].duration().unwrap().to_string(), "3s");
    // The record of such a run holds a campaign too, and it reads back.
    let campaign: spec::Campaign = serde_json::from_str(&plan.sources[0].text).unwrap();
    assert_eq!(campaign.name, plan.name);
}

#[test]
fn mistakes_are_shown_in_the_argument() {
    let mut shown = String::new();
    for chaos in [
        "node_kil",
        "node_kill:{target: {pick: leder}, duration: 3}",
        "node_kill:{target: {node: kv9}}",
        "node_kill:{target: {node: kv1",
        "partition:{target: {pick: all}}",
        "partition:{target: {node: kv1}, from: {node: kv1}, drection: in}",
        "",
    ] {
        let diagnostics = spec::ad_hoc(&args(chaos)).unwrap_err();
        let text = diagnostics.render(Style::Plain);
        shown = format!(
            "{shown}--chaos '{chaos}'
{text}
"
        );
    }
    let mut args = args("node_kill");
    args.subject = "kw".into();
    args.variants = vec!["orcale".into(), "oracle".into(), "oracle".into()];
    args.repeats = 0;
    shown.push_str(&spec::ad_hoc(&args).unwrap_err().render(Style::Plain));
    snapshots().bind(|| insta::assert_snapshot!("ad-hoc", redact(&shown)));
}
