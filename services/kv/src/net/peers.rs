//! The peers this node has talked to, and whether they answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::Method;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::client::{CallError, Client, Reply};
use crate::types::Member;

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its name.
    pub(crate) name: String,
    client: Client,
    unreachable: AtomicBool,
}

/// What a peer is asked; see [`Peer::call`].
pub(crate) struct Call<'a> {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: &'a str,
    /// Additional headers.
    pub(crate) headers: &'a [(&'static str, &'a str)],
    /// The body.
    pub(crate) body: Bytes,
    /// Bound of the whole exchange.
    pub(crate) timeout: Duration,
}

impl Peer {
    /// Sends one request to the peer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, CallError> {
        let Call { method, path, headers, body, timeout } = call;
        self.client.call(method, path, headers, body, timeout).await
    }

    /// Posts JSON and reads JSON. An answer without success is [`CallError::Refused`].
    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        question: &(impl Serialize + Sync),
        timeout: Duration,
    ) -> Result<A, CallError> {
        let no_reply = |reason: String| CallError::NoReply { address: self.client.address().to_owned(), reason };
        let body = serde_json::to_vec(question).map_err(|error| no_reply(error.to_string()))?;
        let headers = [("content-type", "application/json")];
        let reply =
            self.call(Call { method: Method::POST, path, headers: &headers, body: body.into(), timeout }).await?;
        if !reply.status.is_success() {
            return Err(CallError::Refused {
                address: self.client.address().to_owned(),
                status: reply.status,
                body: String::from_utf8_lossy(&reply.body).into_owned(),
            });
        }
        serde_json::from_slice(&reply.body).map_err(|error| no_reply(error.to_string()))
    }

    /// Notes how a message of the consensus protocol went. Only a change of state is logged.
    pub(crate) fn note<T>(&self, result: &Result<T, CallError>) {
        match result {
            Ok(_) | Err(CallError::Refused { .. }) => {
                if self.unreachable.swap(false, Ordering::Relaxed) {
                    tracing::info!(peer = %self.name, "peer is reachable again");
                }
            }
            Err(error) => {
                // What was kept from before the failure is most likely as dead as this one.
                self.client.reset();
                if !self.unreachable.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        peer = %self.name,
                        address = %self.client.address(),
                        reason = %error,
                        "peer is unreachable"
                    );
                }
            }
        }
    }
}

/// All peers by address.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<BTreeMap<String, Arc<Peer>>>);

impl Peers {
    /// The peer `member`; the same object for the same address.
    pub(crate) fn get(&self, member: &Member) -> Arc<Peer> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.entry(member.address.clone()).or_insert_with(|| {
            Arc::new(Peer {
                name: member.name.clone(),
                client: Client::new(&member.address),
                unreachable: AtomicBool::new(false),
            })
        });
        Arc::clone(peer)
    }

    /// Forgets everyone but `members`, so that those who left keep no connections.
    pub(crate) fn retain<'a>(&self, members: impl Iterator<Item = &'a Member>) {
        let addresses: Vec<&str> = members.map(|member| member.address.as_str()).collect();
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|address, _| addresses.contains(&address.as_str()));
    }
}
