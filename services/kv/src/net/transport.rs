//! Carries the Raft library's messages over HTTP.

use std::{future::Future, io::Write as _, sync::Arc, time::Duration};

use axum::http::Method;
use openraft::{
    AnyError, OptionalSend, Snapshot,
    error::{Fatal, NetworkError, RPCError, RaftError, RemoteError, ReplicationClosed, StreamingError, Unreachable},
    network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, SnapshotResponse,
        VoteRequest, VoteResponse,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    client::CallError,
    peers::{Call, Peer, Peers},
};
use crate::types::{Member, TypeConfig, Vote};

/// Bound of sending a whole snapshot and having it installed.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a [`Link`] to each peer.
#[derive(Debug, Clone)]
pub(crate) struct Transport(pub(crate) Arc<Peers>);

/// The way to one peer.
#[derive(Debug)]
pub(crate) struct Link {
    target: u64,
    peer: Arc<Peer>,
}

type Failure<E> = RPCError<u64, Member, E>;

impl RaftNetworkFactory<TypeConfig> for Transport {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Member) -> Link {
        Link { target, peer: self.0.get(node) }
    }
}

impl Link {
    /// Sends a message; the answer is what the peer's consensus engine returned.
    async fn send<A, E>(
        &self,
        path: &str,
        message: &(impl Serialize + Sync),
        option: &RPCOption,
    ) -> Result<A, Failure<E>>
    where
        A: DeserializeOwned,
        E: std::error::Error + DeserializeOwned,
    {
        // The library drops the call at its hard limit. Giving up a little earlier tells this side
        // that the peer did not answer.
        let timeout = option.hard_ttl() * 9 / 10;
        let result: Result<Result<A, E>, _> = self.peer.post(path, message, timeout).await;
        self.peer.note(&result);
        match result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(RemoteError::new(self.target, error).into()),
            Err(error @ CallError::NoReply { .. }) => Err(NetworkError::new(&error).into()),
            Err(error) => Err(Unreachable::new(&error).into()),
        }
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failure<RaftError<u64>>> {
        self.send("/raft/append", &rpc, &option).await
    }

    async fn install_snapshot(
        &mut self,
        _rpc: InstallSnapshotRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, Failure<RaftError<u64, openraft::error::InstallSnapshotError>>> {
        // Snapshots are sent whole, see `full_snapshot`.
        Err(Unreachable::from(AnyError::error("snapshots are not sent in pieces")).into())
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, Failure<RaftError<u64>>> {
        self.send("/raft/vote", &rpc, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<TypeConfig>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        let refused = |error: &CallError| StreamingError::from(Unreachable::new(error));
        let head = serde_json::to_vec(&(vote, snapshot.meta)).map_err(|error| NetworkError::new(&error))?;
        let mut body = Vec::with_capacity(4 + head.len() + snapshot.snapshot.get_ref().len());
        // Writing to memory cannot fail.
        let _ = body.write_all(&(head.len() as u32).to_le_bytes());
        let _ = body.write_all(&head);
        let _ = body.write_all(snapshot.snapshot.get_ref());
        let call = self.peer.call(Call {
            method: Method::POST,
            path: "/raft/snapshot",
            headers: &[],
            body: body.into(),
            timeout: SNAPSHOT_TIMEOUT,
        });
        let reply = tokio::select! {
            reply = call => reply.map_err(|error| refused(&error))?,
            closed = cancel => return Err(closed.into()),
        };
        if !reply.status.is_success() {
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            return Err(Unreachable::from(AnyError::error(text)).into());
        }
        serde_json::from_slice(&reply.body).map_err(|error| NetworkError::new(&error).into())
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(Duration::from_millis(100)))
    }
}
