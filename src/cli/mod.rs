//! The command line: one file per subcommand, progress, exit codes.
//!
//! Commands parse, call the library and print; they hold no logic of their own. `main` calls [`main`] only.

pub mod doctor;
pub mod exit;
pub mod list;
mod progress;
pub mod report;
pub mod run;
pub mod schema;
pub mod service;
pub mod show;
pub mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::runtime::process::{WorkerStart, worker_main};

/// Measures how well an operator - an LLM agent, a script, or nobody - keeps a distributed system alive under faults.
#[derive(Debug, Parser)]
#[command(name = "harness", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Validate(validate::Args),
    Schema(schema::Args),
    List(list::Args),
    Show(show::Args),
    Report(report::Args),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Service(service::Service),
}

/// What the binary does.
pub fn main() -> ExitCode {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    if let Some(code) = service::by_name(&name) {
        return code;
    }
    if words.next().as_deref() == Some("lab-worker") {
        // Before anything else: namespaces can only be entered by a process with one thread.
        if let Some(start) = WorkerStart::parse(words) {
            worker_main(start);
        }
        eprintln!("error: `lab-worker` is what harness calls to start a lab; it is of no use by itself");
        return ExitCode::from(exit::USAGE);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; the stream may be closed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::SUCCESS });
        }
    };
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Validate(args) => validate::run(&args).map_err(Into::into),
        Command::Schema(args) => schema::run(&args).map_err(Into::into),
        Command::List(args) => list::run(&args).map(|()| exit::SUCCESS),
        Command::Show(args) => show::run(&args).map(|()| exit::SUCCESS),
        Command::Report(args) => report::run(&args).map(|()| exit::SUCCESS),
        Command::Doctor(args) => doctor::run(&args),
        Command::Service(service) => service::run(service).map(|()| exit::SUCCESS),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit::INTERNAL)
        }
    }
}

/// The async runtime of a command.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
