//! The database of runs: `SQLite`, one file, written as things happen.
//!
//! The table `events` is the truth and is only ever appended to. Every other table is a projection of
//! it: pure code turns an event into rows, and those rows are written in the transaction that
//! writes the event, so the tables never disagree and [`Store::rebuild`] can make them anew.
//!
//! [`Store`] opens a database and brings its schema up to date. [`Writer`] owns a connection in a
//! thread of its own. [`Reader`] is a read-only connection for reports and views. Nothing in here
//! judges a trial: figures come from `score`, which reads what [`Reader::events`] returns.

mod decode;
mod error;
mod host;
mod project;
mod queue;
mod reader;
mod rows;
mod schema;
mod transcript;
mod writer;

pub use error::StoreError;
pub use host::Host;
pub use reader::{Found, Reader};
pub use rows::{NewRun, RunRow, RunState, SourceFile, TrialRow};
pub use schema::{SCHEMA_VERSION, Store};
pub use transcript::{CommandResult, Entry, Said};
pub use writer::Writer;
