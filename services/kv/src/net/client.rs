//! An HTTP/1.1 client for one address with a few kept-alive connections.
//!
//! The name is resolved at each connect, so a peer may come back elsewhere. A request that is
//! dropped, as on a timeout, takes its connection with it: nothing lingers.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::AbortHandle};

/// Idle connections that are kept.
const KEPT: usize = 8;
/// No reply is larger.
const REPLY_LIMIT: usize = 64 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing was sent; trying elsewhere is safe.
    #[error("cannot connect to {address}: {reason}")]
    NotSent {
        /// The address of the peer.
        address: String,
        /// What failed.
        reason: String,
    },
    /// The peer answered, but not with success.
    #[error("{address} refused with {status}: {body}")]
    Refused {
        /// The address of the peer.
        address: String,
        /// The status of its answer.
        status: StatusCode,
        /// Its answer.
        body: String,
    },
    /// The request may have been received, but no complete answer came.
    #[error("no answer from {address}: {reason}")]
    NoReply {
        /// The address of the peer.
        address: String,
        /// What failed.
        reason: String,
    },
}

/// A peer's answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its content type, if it had one.
    pub(crate) content_type: Option<header::HeaderValue>,
    /// Its whole body.
    pub(crate) body: Bytes,
}

/// A connection; closed when dropped.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The client.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// A client for `HOST:PORT`. Nothing is connected yet.
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), idle: Mutex::default() }
    }

    /// The address it talks to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Closes the idle connections.
    pub(crate) fn reset(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sends one request and reads the answer, all within `timeout`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<Reply, CallError> {
        let deadline = tokio::time::Instant::now() + timeout;
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body)).map_err(|error| self.not_sent(&error))?;
        loop {
            let (mut connection, reused) = match self.take_idle() {
                Some(connection) => (connection, true),
                None => match tokio::time::timeout_at(deadline, self.connect()).await {
                    Ok(connected) => (connected?, false),
                    Err(_) => return Err(self.not_sent("timed out while connecting")),
                },
            };
            let exchange = async {
                let response = connection.sender.try_send_request(request).await;
                let response = match response {
                    Ok(response) => response,
                    Err(mut error) => return Err((error.take_message(), error.into_error())),
                };
                let status = response.status();
                let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
                Ok((status, content_type, response.into_body()))
            };
            let (status, content_type, body) = match tokio::time::timeout_at(deadline, exchange).await {
                Ok(Ok(answer)) => answer,
                // The peer had closed the kept connection: the request is intact, try again.
                Ok(Err((Some(unsent), _))) if reused => {
                    request = unsent;
                    continue;
                }
                Ok(Err((Some(_), error))) => return Err(self.not_sent(&error)),
                Ok(Err((None, error))) => return Err(self.no_reply(&error)),
                Err(_) => return Err(self.no_reply("timed out")),
            };
            let body = Limited::new(body, REPLY_LIMIT).collect();
            let body = match tokio::time::timeout_at(deadline, body).await {
                Ok(Ok(body)) => body.to_bytes(),
                Ok(Err(error)) => return Err(self.no_reply(&error)),
                Err(_) => return Err(self.no_reply("timed out while reading the answer")),
            };
            self.keep(connection);
            return Ok(Reply { status, content_type, body });
        }
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let stream = TcpStream::connect(&self.address)
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| self.not_sent(&error))?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.not_sent(&error))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer on this connection learns of its end there.
            let _ = driver.await;
        });
        Ok(Connection { sender, driver: driver.abort_handle() })
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }

    fn not_sent(&self, reason: &(impl ToString + ?Sized)) -> CallError {
        CallError::NotSent { address: self.address.clone(), reason: reason.to_string() }
    }

    fn no_reply(&self, reason: &(impl ToString + ?Sized)) -> CallError {
        CallError::NoReply { address: self.address.clone(), reason: reason.to_string() }
    }
}
