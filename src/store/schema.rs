//! Opening a database and keeping its schema up to date.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::decode;
use super::error::StoreError;
use super::project::{self, Row};
use super::reader::Reader;
use super::writer::Writer;

/// The schema version that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// `hrns` in ASCII; the first migration sets it.
const APPLICATION_ID: i32 = 0x6872_6e73;

/// How long a connection waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(10);

static MIGRATIONS: LazyLock<Migrations<'static>> =
    LazyLock::new(|| Migrations::new(vec![M::up(include_str!("0001.sql"))]));

/// A database that can be written to; its schema is up to date.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    conn: Connection,
}

impl Store {
    /// Opens a database, makes it when it is not there, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        conn.pragma_update(None, "journal_mode", "wal").map_err(open)?;
        conn.pragma_update(None, "synchronous", "normal").map_err(open)?;
        conn.pragma_update(None, "foreign_keys", true).map_err(open)?;
        MIGRATIONS.to_latest(&mut conn).map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => StoreError::Sqlite(err),
            other => StoreError::Value { what: "schema", value: other.to_string() },
        })?;
        Ok(Self { path: path.to_owned(), conn })
    }

    /// Starts the thread that writes events.
    pub fn writer(self) -> Result<Writer, StoreError> {
        Writer::start(self.conn)
    }

    /// Opens a second, read-only connection.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Keeps what the scorer said about trials, replacing what it said before: trial id and JSON.
    pub fn put_scores(&mut self, scores: &[(String, String)]) -> Result<(), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (trial, score) in scores {
            project::score(trial, score).write(&tx)?;
        }
        Ok(tx.commit()?)
    }

    /// Makes every projection anew from the event log. Scores are dropped: they are computed from it too.
    pub fn rebuild(&mut self) -> Result<(), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("DELETE FROM trials", [])?;
        tx.execute("UPDATE runs SET state = 'created', trials = 0, parallel = 0, started = NULL, ended = NULL", [])?;
        {
            let mut select = tx.prepare("SELECT seq, run, trial, at_us, wall, body FROM events ORDER BY seq")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let (seq, event) = decode::event(row)?;
                for row in project::rows(seq, &event) {
                    Row::write(&row, &tx)?;
                }
            }
        }
        Ok(tx.commit()?)
    }
}

/// Opens a connection and makes sure that the file is ours and not newer than this program.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let open = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path.to_owned()),
        _ => StoreError::Open { path: path.to_owned(), source },
    };
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(open)?;
    conn.busy_timeout(BUSY).map_err(open)?;
    let number = |pragma: &str| -> Result<i64, StoreError> {
        conn.pragma_query_value(None, pragma, |row| row.get(0)).map_err(open)
    };
    let version = number("user_version")?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(open)?;
    if tables > 0 && number("application_id")? != i64::from(APPLICATION_ID) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if version > i64::from(SCHEMA_VERSION) {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: u32::try_from(version).unwrap_or(u32::MAX),
            known: SCHEMA_VERSION,
        });
    }
    Ok(conn)
}
