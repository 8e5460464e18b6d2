//! A small replicated key-value server.
//!
//! Reads and writes over HTTP, replicated with Raft, durable on disk. [`Args`] is its command line
//! and [`run`] the whole server; everything else is private. See `README.md` for the interface and
//! the storage format.

mod args;
mod crc;
mod disk;
mod election;
mod founding;
mod health;
mod http;
mod keeper;
mod metrics;
mod net;
mod node;
mod pipeline;
mod server;
mod storage;
mod types;

pub use args::{Args, ElectionTimeout, Founder};
pub use server::run;
