//! A plan from command-line arguments, without a campaign file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::units::Millis;

use super::campaign::{Campaign, RuntimeKind, Scenario, Timeouts, Windows};
use super::check::{self, Cast, Place};
use super::diagnostic::{Diagnostics, Problem, SourceText, Span};
use super::fault::{Chaos, FaultKind};
use super::files::{self, File};
use super::load;
use super::plan::{Plan, Source};
use super::schema::FileKind;
use super::subject::Subject;
use super::suggest;
use super::tree::{self, Entry, Node, Value};
use super::variant::{Budget, Tools, Variant};

/// What is asked for on the command line.
#[derive(Debug, Clone)]
pub struct AdHoc {
    /// Name of a file in `./subjects`, or a path that ends in `.yaml`.
    pub subject: String,
    /// A fault: its name (`node_kill`), or name and settings (`node_kill:{target: {node: kv1}}`). Without
    /// a target it is done to one node at random; a partition without `from` cuts that node from all others.
    pub chaos: String,
    /// Names of files in `./variants`, or paths that end in `.yaml`.
    pub variants: Vec<String>,
    /// Also run the built-in baseline; it is what runs when `variants` is empty.
    pub baseline: bool,
    /// The runtime; the subject's first when absent.
    pub runtime: Option<RuntimeKind>,
    /// How often each variant is run; at least 1.
    pub repeats: u32,
    /// How many trials run at the same time; at least 1.
    pub parallel: u32,
    /// Everything random is drawn from it.
    pub seed: u64,
}

/// Shorter than a campaign's defaults: whoever asks on the command line waits for the answer.
fn quick() -> Timeouts {
    let millis = |seconds: u64| Millis(seconds * 1000);
    Timeouts {
        ready: millis(30),
        detect: millis(30),
        operate: millis(60),
        verify: millis(30),
        heal: millis(30),
        ..Timeouts::default()
    }
}

/// Checks the arguments with the files they refer to.
///
/// # Errors
/// Everything that is wrong; places in arguments are shown in the arguments' text.
pub fn ad_hoc(args: &AdHoc) -> Result<Plan, Diagnostics> {
    let mut out = Diagnostics::default();
    let plan = plan(args, &mut out);
    match plan {
        Some(plan) if out.is_empty() => Ok(plan),
        _ => Err(out),
    }
}

fn plan(args: &AdHoc, out: &mut Diagnostics) -> Option<Plan> {
    for (name, value) in [("--repeats", args.repeats), ("--parallel", args.parallel)] {
        if value == 0 {
            let problem = Problem::new(Span::new(0, 1), "0 is out of range").label("at least 1");
            out.add(&argument(name, "0"), [problem]);
        }
    }
    let mut sources = Vec::new();
    let subject = open(FileKind::Subject, "--subject", &args.subject, out).and_then(|file| {
        sources.push(load::source(&file));
        load::subject(&file, out)
    });
    let mut variants: Vec<(Variant, Option<Span>)> = Vec::new();
    if args.baseline || args.variants.is_empty() {
        variants.push((baseline(), None));
    }
    for name in &args.variants {
        let Some(file) = open(FileKind::Variant, "--variant", name, out) else {
            continue;
        };
        if let Some(variant) = load::variant(&file, out) {
            if variants.iter().any(|(other, _)| other.name == variant.name) {
                let problem =
                    Problem::new(Span::new(0, name.len()), format!("the variant `{name}` is asked for twice"));
                out.add(&argument("--variant", name), [problem.label("again")]);
                continue;
            }
            sources.push(load::source(&file));
            variants.push((variant, None));
        }
    }
    let source = argument("--chaos", &args.chaos);
    let parsed = fault(&args.chaos).map_err(|problems| out.add(&source, problems)).ok();
    let subject = subject?;
    let runtime = runtime(args, &subject, out)?;
    let (node, fault) = parsed?;
    let cast = Cast { subject: Some(&subject), variants: &variants, all_variants: true };
    out.add(&source, check::chaos(&fault, Place::root(&node, &args.chaos), runtime, &cast).problems);
    Some(assemble(args, subject, runtime, fault, variants, sources))
}

fn runtime(args: &AdHoc, subject: &Subject, out: &mut Diagnostics) -> Option<RuntimeKind> {
    let kinds = subject.runtime_kinds();
    let Some(wanted) = args.runtime else {
        return kinds.first().copied();
    };
    if kinds.contains(&wanted) {
        return Some(wanted);
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let text = wanted.name();
    let message = format!("the subject `{}` cannot be started on `{text}`", subject.name);
    let problem = Problem::new(Span::new(0, text.len()), message).help(suggest::valid(&names));
    out.add(&argument("--runtime", text), [problem]);
    None
}

fn assemble(
    args: &AdHoc,
    subject: Subject,
    runtime: RuntimeKind,
    fault: Chaos,
    variants: Vec<(Variant, Option<Span>)>,
    mut sources: Vec<Source>,
) -> Plan {
    let scenario = fault.kind().name().replace('_', "-");
    let campaign = Campaign {
        name: format!("{}-{scenario}", subject.name),
        description: Some("Asked for on the command line".into()),
        subject: args.subject.clone(),
        runtime: Some(runtime),
        scenarios: vec![Scenario { name: scenario, description: None, chaos: vec![fault] }],
        variants: variants.iter().map(|(variant, _)| variant.name.clone()).collect(),
        repeats: args.repeats,
        parallel: args.parallel,
        seed: args.seed,
        timeouts: quick(),
        windows: Windows::default(),
        gates: Vec::new(),
    };
    // JSON is YAML: the record of the run holds a campaign whatever it was started from.
    let text = serde_json::to_string_pretty(&campaign).unwrap_or_default();
    sources.insert(0, Source { path: PathBuf::from(format!("{}.yaml", campaign.name)), text });
    let variants = variants.into_iter().map(|(variant, _)| variant).collect();
    Plan::new(campaign, subject, variants, runtime, sources)
}

fn argument(name: &str, text: &str) -> Arc<SourceText> {
    Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() })
}

fn open(kind: FileKind, flag: &str, name: &str, out: &mut Diagnostics) -> Option<File> {
    match files::find(kind, name, None) {
        Ok(path) => File::open(&path, out),
        Err(problem) => {
            let help = problem.help.map(|help| help.replace("relative to this file", "relative to the current folder"));
            out.add(&argument(flag, name), [Problem { span: Span::new(0, name.len()), help, ..problem }]);
            None
        }
    }
}

/// The baseline, without a file.
fn baseline() -> Variant {
    Variant {
        name: "baseline".into(),
        description: Some("Nobody works on the ticket".into()),
        baseline: Some(true),
        script: None,
        tools: Tools::default(),
        budget: Budget::default(),
    }
}

/// Reads `name` or `name:{settings}`; the places in the tree are those in `text`.
fn fault(text: &str) -> Result<(Node, Chaos), Vec<Problem>> {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    let start = name.len() - name.trim_start().len();
    let key_span = Span::new(start, start + name.trim().len());
    let name = name.trim();
    let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name.replace('-', "_"));
    let Some(kind) = kind else {
        let names = FaultKind::ALL.map(FaultKind::name);
        let message = match name {
            "" => "no fault is named".to_owned(),
            _ => format!("unknown fault `{name}`"),
        };
        let problem = Problem::new(key_span, message).label("no such fault");
        return Err(vec![problem.help(suggest::help(name, &names))]);
    };
    let mut value = Node { span: key_span, value: Value::Map(Vec::new()) };
    if !settings.trim().is_empty() {
        // Spaces in place of what comes before keep every offset that of the whole argument.
        let padded = format!("{}{settings}", " ".repeat(text.len() - settings.len()));
        let (node, problems) = tree::parse(&padded);
        match node {
            Some(node) if problems.is_empty() => value = node,
            _ => return Err(problems),
        }
    }
    if let Value::Map(entries) = &mut value.value {
        let word = |key: &str, text: &str| {
            let value = Value::String { text: text.into(), plain: true };
            Entry { key: key.into(), key_span, value: Node { span: key_span, value } }
        };
        let has = |entries: &[Entry], key: &str| entries.iter().any(|entry| entry.key == key);
        if !has(entries, "target") {
            let map = Value::Map(vec![word("pick", "random")]);
            entries.push(Entry { key: "target".into(), key_span, value: Node { span: key_span, value: map } });
        }
        if kind == FaultKind::Partition && !has(entries, "from") {
            entries.push(word("from", "others"));
        }
    }
    let entry = Entry { key: kind.name().into(), key_span, value };
    let node = Node { span: Span::new(0, text.len()), value: Value::Map(vec![entry]) };
    let root = FileKind::Campaign.schema();
    let schema = root.pointer("/$defs/Chaos").cloned().unwrap_or_default();
    let problems = files::check_structure(&root, &schema, &node, text);
    if !problems.is_empty() {
        return Err(problems);
    }
    let fault = files::deserialize(&node).map_err(|problem| vec![*problem])?;
    Ok((node, fault))
}
