//! Talking to peers: a small HTTP client, who the peers are and whether they answer, and the
//! adapter that carries the Raft library's messages.

mod client;
mod peers;
mod transport;

pub(crate) use client::{CallError};
pub(crate) use peers::{Call, Peer, Peers};
pub(crate) use transport::Transport;
