//! `harness run`: a campaign, from its YAML to its report.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{exit, progress};
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::report::{self, Format, terminal};
use crate::runner::{self, Broadcast, EventSink, RunOptions, RunSummary};
use crate::runtime::Runtime;
use crate::runtime::process::ProcessRuntime;
use crate::spec::plan::Plan;
use crate::spec::{self, AdHoc, Diagnostics, Style};
use crate::store::{Host, NewRun, Reader, SourceFile, Store, Writer};

/// Longest check of what the machine allows.
const CHECK: Duration = Duration::from_secs(20);
/// After the second Ctrl-C, so long is waited for the trials to end.
const ABORT: Duration = Duration::from_secs(3);

/// Run a campaign, or one fault without a campaign file
#[derive(Debug, clap::Args)]
#[command(override_usage = "harness run [OPTIONS] <CAMPAIGN>\n       \
    harness run [OPTIONS] --subject <SUBJECT> --chaos <FAULT> [--variant <VARIANT>]... [--baseline]")]
pub struct Args {
    /// The campaign's YAML file
    #[arg(required_unless_present_any = ["subject", "chaos", "variants", "baseline"])]
    campaign: Option<PathBuf>,
    /// Without a campaign file: a file in `subjects/` (without `.yaml`), or a path
    #[arg(long, conflicts_with = "campaign", requires = "chaos")]
    subject: Option<String>,
    /// The fault: `node_kill`, or with settings `node_kill:{target: {pick: leader}}`
    #[arg(long, value_name = "FAULT", conflicts_with = "campaign", requires = "subject")]
    chaos: Option<String>,
    /// A file in `variants/` (without `.yaml`), or a path; can be given several times
    #[arg(long = "variant", value_name = "VARIANT", conflicts_with = "campaign", requires = "subject")]
    variants: Vec<String>,
    /// Also run with nobody operating; the default without `--variant`
    #[arg(long, conflicts_with = "campaign", requires = "subject")]
    baseline: bool,
    /// Trials at a time, instead of the campaign's own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    parallel: Option<u32>,
    /// Repeats, instead of the campaign's own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: Option<u32>,
    /// Seed, instead of the campaign's own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The database that everything is written to
    #[arg(long, default_value = "harness.db")]
    db: PathBuf,
    /// Formats of the report, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "md,html")]
    format: Vec<Format>,
    /// Folder for the report
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Show the result and errors only
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Print every event as a line of JSON, and nothing else, on standard output
    #[arg(long)]
    json: bool,
}

/// Checks everything, runs all trials, writes the reports.
pub fn run(args: Args) -> anyhow::Result<u8> {
    let mut plan = match plan(&args) {
        Ok(plan) => plan,
        Err(diagnostics) => {
            eprint!("{}", diagnostics.render(Style::for_stderr()));
            return Ok(exit::USAGE);
        }
    };
    plan.parallel = args.parallel.unwrap_or(plan.parallel);
    plan.repeats = args.repeats.unwrap_or(plan.repeats);
    plan.seed = args.seed.unwrap_or(plan.seed);
    raise_descriptor_limit();
    super::runtime()?.block_on(execute(args, Arc::new(plan)))
}

fn plan(args: &Args) -> Result<Plan, Diagnostics> {
    if let Some(campaign) = &args.campaign {
        return spec::load_campaign(campaign);
    }
    spec::ad_hoc(&AdHoc {
        subject: args.subject.clone().unwrap_or_default(),
        chaos: args.chaos.clone().unwrap_or_default(),
        variants: args.variants.clone(),
        baseline: args.baseline,
        runtime: None,
        repeats: args.repeats.unwrap_or(1),
        parallel: args.parallel.unwrap_or(1),
        seed: args.seed.unwrap_or(0),
    })
}

async fn execute(args: Args, plan: Arc<Plan>) -> anyhow::Result<u8> {
    let runtime: Arc<dyn Runtime> = Arc::new(ProcessRuntime::new().hiding(answers(&args, &plan)));
    let requirements = tokio::time::timeout(CHECK, runtime.requirements()).await;
    let requirements = requirements.context("checking what this machine allows does not come to an end")?;
    let unmet: Vec<_> = requirements.into_iter().filter(|requirement| requirement.result.is_err()).collect();
    if !unmet.is_empty() {
        eprintln!("error: this machine cannot run the `{}` runtime; nothing was started", runtime.name());
        eprint!("{}", super::doctor::requirements_text(&unmet));
        return Ok(exit::ENVIRONMENT);
    }
    let store = Store::open(&args.db).with_context(|| format!("the database {}", args.db.display()))?;
    let writer = store.writer()?;
    let run = RunId::new(jiff::Timestamp::now(), rand::random());
    writer.begin_run(new_run(&run, &plan)?)?;
    let options = RunOptions { run: run.clone(), stop: CancellationToken::new(), abort: CancellationToken::new() };
    let sinks: Vec<Arc<dyn EventSink>> = vec![
        Arc::new(Recording { writer: writer.clone(), stop: options.stop.clone() }),
        progress::choose(args.quiet, args.json),
    ];
    let signals = tokio::spawn(stop_on_signals(options.stop.clone(), options.abort.clone()));
    let abort = options.abort.clone();
    let summary = tokio::select! {
        summary = runner::run(plan.clone(), runtime, Arc::new(Broadcast(sinks)), options.clone()) => Some(summary),
        // Dropping the trials kills their labs.
        () = async { abort.cancelled().await; tokio::time::sleep(ABORT).await } => None,
    };
    let interrupted = options.stop.is_cancelled();
    let finish = tokio::task::spawn_blocking(move || {
        writer.close().context("not everything could be written to the database")?;
        report(&args, &run)
    });
    let finished = tokio::select! {
        finished = finish => finished?,
        // The third one: whatever the disk does.
        _ = signals => return Ok(exit::INTERRUPTED),
    };
    match finished {
        Ok(gates_hold) => Ok(code(summary, interrupted, gates_hold)),
        // What was left behind matters more than what could not be written.
        Err(error) if summary.is_some_and(|summary| summary.leaked > 0) => {
            eprintln!("error: {error:#}");
            Ok(exit::LEFTOVERS)
        }
        Err(error) => Err(error),
    }
}

/// Files and folders that say what is done to the subject.
fn answers(args: &Args, plan: &Plan) -> Vec<PathBuf> {
    let sources = plan.sources.iter().map(|source| source.path.clone());
    let folders = sources.clone().filter_map(|path| Some(path.parent()?.to_owned()));
    sources.chain(folders).chain([args.db.clone(), args.out.clone()]).collect()
}

/// Scores, writes the reports, says what came out; true when all gates hold.
fn report(args: &Args, run: &RunId) -> anyhow::Result<bool> {
    let view = report::build(&Reader::open(&args.db)?, &run.0)?;
    Store::open(&args.db)?.put_scores(&report::scores(&view))?;
    let paths = report::write(&view, &args.format, &args.out)
        .with_context(|| format!("the results are in {}, but the report was not written", args.db.display()))?;
    if !args.json {
        let mut text = "\n".to_owned() + &terminal::result(&view, super::show::style());
        for path in paths {
            writeln!(text, "report: {}", path.display())?;
        }
        super::show::print(&text)?;
    }
    Ok(view.gates.iter().all(|gate| gate.passed))
}

/// The worst of what happened.
fn code(summary: Option<RunSummary>, interrupted: bool, gates_hold: bool) -> u8 {
    let Some(summary) = summary else { return exit::INTERRUPTED };
    if summary.leaked > 0 {
        exit::LEFTOVERS
    } else if interrupted {
        exit::INTERRUPTED
    } else if summary.errors > 0 {
        exit::INTERNAL
    } else if !gates_hold || summary.completed == 0 {
        exit::GATE_FAILED
    } else {
        exit::SUCCESS
    }
}

/// Writes events to the database; when that fails, stops the run, for nothing more would be recorded.
struct Recording {
    writer: Writer,
    stop: CancellationToken,
}

impl EventSink for Recording {
    fn emit(&self, event: &Event) {
        self.writer.emit(event.clone());
        if self.writer.failed().is_some() {
            self.stop.cancel();
        }
    }
}

fn new_run(run: &RunId, plan: &Plan) -> anyhow::Result<NewRun> {
    let source =
        |source: &spec::plan::Source| SourceFile { path: source.path.display().to_string(), text: source.text.clone() };
    Ok(NewRun {
        id: run.clone(),
        campaign: plan.name.clone(),
        plan: serde_json::to_value(plan)?,
        sources: plan.sources.iter().map(source).collect(),
        version: env!("CARGO_PKG_VERSION").into(),
        host: Host::read(),
    })
}

/// The first signal stops the run in order, the second one at once.
async fn stop_on_signals(stop: CancellationToken, abort: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    for (token, text) in [
        (stop, "stopping: running trials end and are marked interrupted (once more: at once)"),
        (abort, "stopping at once"),
        (CancellationToken::new(), "not waiting for the report"),
    ] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("{text}");
        token.cancel();
    }
    Ok(())
}

/// Connections need one descriptor each; the soft limit is often low for old programs' sake.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Only more parallel trials than the soft limit allows would notice a failure.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_the_exit_code() {
        let good = RunSummary { planned: 3, completed: 3, ..RunSummary::default() };
        let failed = RunSummary { completed: 2, errors: 1, ..good };
        let leaked = RunSummary { leaked: 1, ..failed };
        let void = RunSummary { completed: 0, void: 3, ..good };
        for (summary, interrupted, gates_hold, expected) in [
            (good, false, true, exit::SUCCESS),
            (good, false, false, exit::GATE_FAILED),
            (void, false, true, exit::GATE_FAILED),
            (failed, false, false, exit::INTERNAL),
            (failed, true, false, exit::INTERRUPTED),
            (leaked, true, false, exit::LEFTOVERS),
        ] {
            assert_eq!(code(Some(summary), interrupted, gates_hold), expected, "{summary:?}");
        }
        assert_eq!(code(None, true, true), exit::INTERRUPTED);
    }
}
