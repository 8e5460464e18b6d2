//! `harness service`: the sample systems that ship in this program.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Run one of the sample systems that ship in this program
#[derive(Debug, Subcommand)]
pub enum Service {
    /// A replicated key-value server
    Kv(harness_kv::Args),
}

/// A service under its own name, as labs start it.
#[derive(Debug, Parser)]
struct Alone<T: Args> {
    #[command(flatten)]
    args: T,
}

/// Runs it until it is told to end.
pub fn run(service: Service) -> anyhow::Result<()> {
    match service {
        Service::Kv(args) => harness_kv::run(args),
    }
}

/// When this program was called by the name of a service, runs that.
pub fn by_name(name: &str) -> Option<ExitCode> {
    let result = match name {
        "kv" => harness_kv::run(Alone::parse().args),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    })
}
