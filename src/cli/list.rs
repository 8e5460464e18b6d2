//! `harness list`.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::report::terminal;
use crate::store::Reader;

/// List the runs in the database, latest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database
    #[arg(long, default_value = "harness.db")]
    pub db: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let reader = Reader::open(&args.db)?;
    let mut runs = Vec::new();
    for run in reader.runs()? {
        let trials = reader.trials(&run.id)?;
        let ended = trials.iter().filter(|trial| trial.status.is_some()).count();
        runs.push((run, ended));
    }
    if args.json {
        let rows: Vec<_> = runs.iter().map(|(run, ended)| json!({ "run": run, "ended_trials": ended })).collect();
        return super::show::print(&(serde_json::to_string_pretty(&rows)? + "\n"));
    }
    if runs.is_empty() {
        return super::show::print("no runs yet: `harness run CAMPAIGN` makes one\n");
    }
    super::show::print(&terminal::runs(&runs, super::show::style()))
}
