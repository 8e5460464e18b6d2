//! Why the database could not do something.

use std::fmt::Write as _;
use std::path::PathBuf;

/// Why the database could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not there.
    #[error("there is no database at `{}`\n  hint: `harness run CAMPAIGN` makes one; `--db FILE` names another", .0.display())]
    Missing(PathBuf),
    /// The file is there and is something else.
    #[error("`{}` is not a database of harness\n  hint: `--db FILE` names another file", .0.display())]
    Foreign(PathBuf),
    /// A newer version has written it.
    #[error("`{}` was written by a newer harness (schema {found}, this one knows up to {known})\n  hint: use the newer harness, or `--db FILE` for a new database", .path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// It cannot be opened at all.
    #[error("cannot open the database `{}`: {source}", .path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// `SQLite` refuses.
    #[error("the database refuses: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// An event cannot be written as JSON or read back.
    #[error("an entry of the event log cannot be encoded or decoded: {0}")]
    Json(#[from] serde_json::Error),
    /// A stored value is not what it should be.
    #[error("the database holds `{value}` as {what}, which this harness does not know")]
    Value {
        /// Of which column.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// No id begins like this.
    #[error("there is no run or trial `{0}`\n  hint: `harness list` shows the runs, `harness show RUN` its trials")]
    Unknown(String),
    /// Several ids begin like this.
    #[error("`{prefix}` is ambiguous: {}", list(.candidates))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The ids that begin like it.
        candidates: Vec<String>,
    },
    /// A run with this id is already there.
    #[error("there is already a run `{0}` in the database")]
    RunExists(String),
    /// The writer waited too long for the disk.
    #[error(
        "the database does not keep up: {waiting} events are waiting to be written\n  hint: look at the disk under the database"
    )]
    Behind {
        /// Events that were not written.
        waiting: usize,
    },
    /// The writer has ended before this was written.
    #[error("the writer of the database has already ended")]
    Closed,
    /// An earlier failure ended the writer.
    #[error("{0}")]
    Failed(std::sync::Arc<StoreError>),
}

/// The first few candidates, and how many more there are.
fn list(candidates: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = candidates.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if candidates.len() > SHOWN {
        let _ = write!(text, " and {} more", candidates.len() - SHOWN);
    }
    text
}
