//! HTTP/1.1 requests to nodes, over the streams that [`Lab::connect`] yields.
//!
//! What matters here is to say exactly how a request failed: whether the node may have received it
//! ([`HttpError::may_have_been_sent`]), and whether it was the subject's or the harness's doing
//! ([`HttpError::is_harness`]).

use std::fmt::Write as _;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, header};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::Lab;

/// Longest body of an answer, bytes; a longer one is an error.
const MAX_BODY: usize = 1024 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body; may be empty.
    pub body: Bytes,
}

impl HttpRequest {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Bytes::new() }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection: nothing was sent.
    #[error("{}", plain_words(.0))]
    Connect(#[source] io::Error),
    /// The connection was closed before any of the request was written.
    #[error("connection closed before the request was sent")]
    NotSent,
    /// The time was up before the connection was there: nothing was sent.
    #[error("no connection in time")]
    ConnectTimedOut,
    /// The time was up after the request was, or may have been, sent.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke after the request was, or may have been, sent.
    #[error("{0}")]
    Broken(String),
    /// The request cannot be put into HTTP; nothing was sent.
    #[error("not a valid request: {0}")]
    Invalid(String),
}

impl HttpError {
    /// Whether the node may have received the request, and thus done what it asks.
    pub fn may_have_been_sent(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Broken(_))
    }

    /// Whether the harness, not the subject, is the cause.
    pub fn is_harness(&self) -> bool {
        match self {
            Self::Connect(error) => !is_subjects_doing(error),
            Self::Invalid(_) => true,
            Self::NotSent | Self::ConnectTimedOut | Self::TimedOut | Self::Broken(_) => false,
        }
    }
}

/// Whether a failed [`Lab::connect`] says something about the node and the network to it.
/// Any other error (the lab is gone, no file descriptors, …) is the harness's own.
pub fn is_subjects_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

/// The kind of an I/O error as people say it, without its number.
pub fn plain_words(error: &io::Error) -> String {
    match error.kind() {
        kind if is_subjects_doing(error) => kind.to_string(),
        _ => error.to_string(),
    }
}

/// One connection to a node; it carries one request at a time.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects to a port of a node.
    pub async fn open(lab: &dyn Lab, node: &str, port: u16, deadline: Instant) -> Result<Self, HttpError> {
        let stream = timeout_at(deadline, lab.connect(node, port))
            .await
            .map_err(|_| HttpError::ConnectTimedOut)?
            .map_err(HttpError::Connect)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| HttpError::NotSent)?;
        let task = tokio::spawn(async move {
            // Its errors reach whoever waits for the answer.
            let _ = driver.await;
        });
        Ok(Self { sender, host: format!("{node}:{port}"), task: task.abort_handle() })
    }

    /// Whether it is not known to be closed.
    pub fn is_alive(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the whole answer.
    pub async fn send(&mut self, request: &HttpRequest, deadline: Instant) -> Result<Answer, HttpError> {
        let request = hyper::Request::builder()
            .method(&request.method)
            .uri(&request.path)
            .header(header::HOST, &self.host)
            .body(Full::new(request.body.clone()))
            .map_err(|error| HttpError::Invalid(error.to_string()))?;
        match timeout_at(deadline, self.sender.ready()).await {
            Err(_) => return Err(HttpError::ConnectTimedOut),
            Ok(Err(_)) => return Err(HttpError::NotSent),
            Ok(Ok(())) => {}
        }
        let answer = async {
            let sent = self.sender.try_send_request(request).await;
            let response = sent.map_err(|mut error| match error.take_message() {
                Some(_) => HttpError::NotSent,
                None => HttpError::Broken(chain(error.error())),
            })?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_BODY);
            let body = body.collect().await.map_err(|error| HttpError::Broken(chain(&*error)))?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        timeout_at(deadline, answer).await.unwrap_or(Err(HttpError::TimedOut))
    }
}

/// One GET over a connection of its own.
pub async fn get(lab: &dyn Lab, node: &str, port: u16, path: &str, deadline: Instant) -> Result<Answer, HttpError> {
    let mut connection = Connection::open(lab, node, port, deadline).await?;
    connection.send(&HttpRequest::get(path), deadline).await
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
