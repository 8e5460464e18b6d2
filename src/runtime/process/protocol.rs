//! What the harness and a lab's worker say to each other.
//!
//! Frames on a Unix stream socket: a little-endian `u32` length, then JSON. The harness asks with an
//! id of its choice and gets exactly one answer with it; changes come unasked. File descriptors travel
//! on a second socket, see [`super::sockets`].

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::model::event::NodeAddress;
use crate::runtime::{
    Exec, ExecOutput, LabChange, LabRequest, LinkRule, NewLinkRule, NodeAction, NodeState, Reach, Unmet,
};

/// From the harness.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    /// Chosen by the harness, never used twice.
    pub id: u64,
    /// What is asked.
    pub request: Request,
}

/// What the harness asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Set everything up. The first request; answered with [`Answer::Up`].
    Provision(LabRequest, Vec<std::path::PathBuf>),
    /// Send so many unconnected TCP sockets of the client's namespace over the descriptor socket.
    Sockets(u32),
    State(String),
    Act(String, NodeAction),
    Exec(Exec),
    /// Give up on the call with this id (an `Exec`): kill what it started.
    Cancel(u64),
    Logs(String, usize),
    Rules,
    AddRules(Vec<NewLinkRule>),
    RemoveRules(Vec<u32>),
    Reach(Vec<(String, String)>, Duration),
    Freeze,
    /// End everything. Not answered: the worker is gone.
    Shutdown,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The answer to the call with this id.
    Answer(u64, Result<Answer, Failure>),
    /// Something happened.
    Change(LabChange),
}

/// Answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Up(Vec<NodeAddress>),
    Done,
    State(NodeState),
    Exec(ExecOutput),
    Text(String),
    Rules(Vec<LinkRule>),
    Ids(Vec<u32>),
    Count(u32),
    Reach(Vec<Reach>),
}

/// Why a request was not done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    Environment(Unmet),
    NoSuchNode(String),
    Other(String),
}

/// Longest frame that is accepted; far above any real one (logs are the longest).
const MAX_FRAME: u32 = 64 << 20;

/// Writes one frame.
pub(super) async fn write_frame<W, T>(writer: &mut W, value: &T) -> std::io::Result<()>
where
    W: tokio::io::AsyncWrite + Unpin,
    T: Serialize,
{
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value)?;
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    writer.write_all(&frame).await
}

/// Reads one frame; `None` at the end of the stream.
pub(super) async fn read_frame<R, T>(reader: &mut R) -> std::io::Result<Option<T>>
where
    R: tokio::io::AsyncRead + Unpin,
    T: DeserializeOwned,
{
    let length = match reader.read_u32_le().await {
        Ok(length) if length <= MAX_FRAME => length,
        Ok(length) => return Err(std::io::Error::other(format!("a frame of {length} bytes"))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut frame = vec![0; length as usize];
    reader.read_exact(&mut frame).await?;
    Ok(Some(serde_json::from_slice(&frame)?))
}
