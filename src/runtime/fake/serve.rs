//! The HTTP side of a fake node: a small HTTP/1.1 responder over any byte stream.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream};

use super::super::NodeState;
use super::Behaviour;
use super::lab::Shared;

/// One request.
struct Request {
    method: String,
    path: String,
    body: String,
}

/// An answer's status and body.
type Answer = (u16, String);

/// Answers requests until the peer closes or the node's process ends.
pub(super) async fn serve(shared: Arc<Shared>, node: usize, life: u64, stream: DuplexStream) {
    let conversation = async {
        let mut stream = BufStream::new(stream);
        while let Some(request) = read_request(&mut stream).await? {
            shared.until_runs(node).await;
            if !answer(&shared, node, &request, &mut stream).await? {
                break;
            }
        }
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        _ = conversation => {}
        () = shared.until_life_ends(node, life) => {}
    }
}

/// Does what is asked; returns whether the connection stays open.
async fn answer(
    shared: &Shared,
    node: usize,
    request: &Request,
    stream: &mut BufStream<DuplexStream>,
) -> io::Result<bool> {
    let (behaviour, latency) = {
        let world = shared.world();
        (world.nodes[node].behaviour, world.options.latency)
    };
    tokio::time::sleep(match behaviour {
        Behaviour::Slow(latency) => latency,
        _ => latency,
    })
    .await;
    shared.until_runs(node).await;
    let (status, body) = match behaviour {
        Behaviour::Status(status) => (status, String::new()),
        _ => handle(shared, node, request),
    };
    match behaviour {
        Behaviour::Mute => std::future::pending().await,
        Behaviour::Reset => return Ok(false),
        _ => {}
    }
    let head = format!("HTTP/1.1 {status} Fake\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await?;
    Ok(behaviour != Behaviour::CloseAfter)
}

fn handle(shared: &Shared, node: usize, request: &Request) -> Answer {
    let mut world = shared.world();
    let standing = world.standing(node);
    let path = request.path.split('?').next().unwrap_or_default();
    if path == "/status" {
        let role = if standing.leads { "leader" } else { "follower" };
        let body = serde_json::json!({
            "node": world.nodes[node].name, "role": role, "term": standing.term,
        });
        return (200, body.to_string());
    }
    if !standing.started {
        return (503, "starting".to_owned());
    }
    if path == "/ready" {
        return (200, "ready".to_owned());
    }
    if !standing.serves {
        return (503, "no leader".to_owned());
    }
    match (request.method.as_str(), path.strip_prefix("/kv/")) {
        (_, None) if path == "/health" => (200, "ok".to_owned()),
        ("PUT" | "POST", Some(key)) => {
            world.write(key.to_owned(), request.body.clone());
            (200, "stored".to_owned())
        }
        ("GET", Some(key)) => match world.read(key) {
            Some(value) => (200, value),
            None => (404, "no such key".to_owned()),
        },
        (_, Some(_)) => (405, "method not allowed".to_owned()),
        (_, None) => (404, "no such page".to_owned()),
    }
}

/// Reads one request; `None` at the end of the stream.
async fn read_request(stream: &mut BufStream<DuplexStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::Error::other("not a request line"));
    };
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Request { method, path, body: String::from_utf8_lossy(&body).into_owned() }))
}

impl Shared {
    /// Waits while the node is stopped by a signal.
    async fn until_runs(&self, node: usize) {
        self.until(|world| world.nodes[node].state != NodeState::Paused).await;
    }

    /// Waits until the process that a connection belongs to has ended.
    async fn until_life_ends(&self, node: usize, life: u64) {
        self.until(|world| world.nodes[node].life != life || world.gone.is_some()).await;
    }
}
