//! `harness report`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use crate::report::{self, Format};
use crate::store::{Reader, Store};

/// Write the report of a run
///
/// Every trial is scored anew from its event log.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database
    #[arg(long, default_value = "harness.db")]
    pub db: PathBuf,
    /// A run's id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    pub run: String,
    /// Formats, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "md,html")]
    pub format: Vec<Format>,
    /// Folder for the files
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let reader = Reader::open(&args.db)?;
    let view = report::build(&reader, &args.run)?;
    let paths = report::write(&view, &args.format, &args.out)?;
    // The stored scores are a convenience for other tools; a database that cannot be written to is no
    // reason to be without a report.
    let stored = Store::open(&args.db).and_then(|mut store| store.put_scores(&report::scores(&view)));
    if let Err(error) = stored {
        tracing::warn!("the scores could not be stored: {error}");
    }
    let mut text = format!("{}\n", report::text::visible(&view.headline.result));
    for path in paths {
        let _ = writeln!(text, "{}", path.display());
    }
    super::show::print(&text)
}
