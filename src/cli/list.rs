//! `harness list`.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::report::terminal;
use crate::store::Reader;

/// Lists the runs in the database, latest first.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command on the database `db`.
pub fn run(args: &ListArgs, db: &Path) -> Result<()> {
    let reader = Reader::open(db)?;
    let mut runs = Vec::new();
    for run in reader.runs()? {
        let trials = reader.trials(&run.id)?;
        let ended = trials.iter().filter(|trial| trial.status.is_some()).count();
        runs.push((run, ended));
    }
    if args.json {
        let rows: Vec<_> = runs
            .iter()
            .map(|(run, ended)| json!({ "run": run, "ended_trials": ended }))
            .collect();
        return super::show::print(&(serde_json::to_string_pretty(&rows)? + "\n"));
    }
    if runs.is_empty() {
        return super::show::print("no runs yet: `harness run CAMPAIGN` makes one\n");
    }
    super::show::print(&terminal::runs(&runs, super::show::style()))
}
