//! `harness doctor`: whether this machine can run labs.

use serde::Serialize;

use super::exit;
use crate::runtime::process::ProcessRuntime;
use crate::runtime::{Requirement, Runtime};

/// Check what each runtime needs of this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Finding {
    runtime: &'static str,
    fit: bool,
    requirements: Vec<Requirement>,
}

/// Tries every requirement; [`exit::ENVIRONMENT`] when the default runtime is not fit.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let process = ProcessRuntime::new();
    let requirements = super::runtime()?.block_on(process.requirements());
    let fit = requirements.iter().all(|requirement| requirement.result.is_ok());
    let finding = Finding { runtime: process.name(), fit, requirements };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&[finding])?);
    } else {
        println!("process: {}", if fit { "fit" } else { "NOT fit" });
        print!("{}", requirements_text(&finding.requirements));
        println!("compose: not part of this version");
    }
    Ok(if fit { exit::SUCCESS } else { exit::ENVIRONMENT })
}

/// One line each, with what to do about those that are not met.
pub(super) fn requirements_text(requirements: &[Requirement]) -> String {
    let line = |requirement: &Requirement| match &requirement.result {
        Ok(seen) => format!("  ok       {}: {seen}\n", requirement.name),
        Err(unmet) => {
            format!("  MISSING  {}: {}\n           what to do: {}\n", requirement.name, unmet.problem, unmet.remedy)
        }
    };
    requirements.iter().map(line).collect()
}
