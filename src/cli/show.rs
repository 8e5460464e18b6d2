//! `harness show`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;

use crate::report::terminal::{self, Style};
use crate::report::{self};
use crate::store::{Found, Reader};

/// Show a run or a trial
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database
    #[arg(long, default_value = "harness.db")]
    pub db: PathBuf,
    /// A run's id, the beginning of one, or `latest`; with `.N`, its N-th trial
    #[arg(value_name = "RUN|TRIAL", default_value = "latest")]
    pub id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let reader = Reader::open(&args.db)?;
    let text = match reader.find(&args.id)? {
        Found::Run(run) => {
            let view = report::build(&reader, &run.id.0)?;
            if args.json { serde_json::to_string_pretty(&view)? + "\n" } else { terminal::run(&view, style()) }
        }
        Found::Trial(trial) => {
            let view = report::build_trial(&reader, *trial)?;
            if args.json { serde_json::to_string_pretty(&view)? + "\n" } else { terminal::trial(&view, style()) }
        }
    };
    print(&text)
}

/// Plain text without limits when the output is not a terminal.
pub(super) fn style() -> Style {
    if !io::stdout().is_terminal() {
        return Style::default();
    }
    Style {
        width: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Prints; a reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
