//! Why a report could not be made.

use std::io;
use std::path::PathBuf;

use crate::store::StoreError;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored plan is not one that this version can read.
    #[error("the plan of run {run} cannot be read: {source}")]
    Plan {
        /// The run.
        run: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`: {source}\n  hint: `--out DIR` names another directory", .path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A format could not be laid out.
    #[error("cannot lay out the {format} report: {problem}")]
    Layout {
        /// Which format.
        format: &'static str,
        /// Why.
        problem: String,
    },
}
