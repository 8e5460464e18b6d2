//! The process: logging, signals, the listener, the order of starting and stopping.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use axum::serve::ListenerExt as _;
use nix::sys::{prctl, socket};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use crate::{
    args::Args,
    founding::{self, Standing},
    http,
    node::Node,
    storage::{self, Identity},
};

/// What is logged unless `KV_LOG` says otherwise. The Raft library reports each message that a dead
/// peer does not answer; this server logs once that the peer is gone.
const DEFAULT_LOG: &str = "info,openraft=warn,openraft::replication=off,openraft::core=off,\
                           openraft::engine=off,openraft::raft=off,openraft::network=off";

/// Runs the server until SIGTERM or SIGINT.
///
/// Blocks; builds its own runtime of two worker threads.
///
/// # Errors
///
/// When the options contradict each other, the data directory is in use, damaged or foreign, the
/// address cannot be listened on, or the storage fails while running.
pub fn run(args: Args) -> anyhow::Result<()> {
    args.check().map_err(|message| anyhow!(message))?;
    prctl::set_name(c"kv").context("cannot set the name of the process")?;
    prctl::set_dumpable(false).context("cannot protect the memory of the process")?;
    let filter = EnvFilter::try_from_env("KV_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    // A second server in the same process would find the subscriber already set.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(false).try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("kv-worker")
        .enable_all()
        .build()
        .context("cannot start worker threads")?;
    let outcome = runtime.block_on(serve(args));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match &outcome {
        Ok(()) => tracing::info!("stopped"),
        Err(error) => tracing::error!(error = format!("{error:#}"), "stopped on an error"),
    }
    outcome
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!(
        name = %args.name,
        listen = %args.listen,
        data = %args.data.display(),
        heartbeat = ?args.heartbeat,
        election = ?(args.election.min..args.election.max),
        reserve = args.reserve,
        snapshot_entries = args.snapshot_entries,
        snapshot_bytes = args.snapshot_bytes,
        request_timeout = ?args.request_timeout,
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    let _lock = storage::lock(&args.data)?;
    let identity = Identity::load(&args.data)?;
    if let Some(identity) = &identity
        && identity.name != args.name
    {
        return Err(storage::StoreError::ForeignData {
            path: args.data.clone(),
            found: identity.name.clone(),
            wanted: args.name.clone(),
        }
        .into());
    }
    let listen = args.listen;
    let node = Node::open(args).context("cannot open the data directory")?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?.tap_io(tune);

    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let server = axum::serve(listener, http::router(Arc::clone(&node))).with_graceful_shutdown(async move {
        // The sender lives until the end of this function.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let mut server = tokio::spawn(server.into_future());
    tracing::info!(%listen, "listening");

    start(&node, identity).await?;

    let mut failure = node.failure.subscribe();
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
        failed = failure.wait_for(Option::is_some) => {
            let reason = failed.ok().and_then(|reason| reason.clone());
            Err(anyhow!(reason.unwrap_or_default()).context("the storage or the engine failed"))
        }
        ended = &mut server => Err(anyhow!("the listener ended: {ended:?}")),
    };
    if let Ok(signal) = &outcome {
        tracing::info!(signal, "shutting down");
    }
    // Requests in progress may finish; kept-alive connections are closed.
    stop.send_replace(true);
    if !server.is_finished() {
        let _ = tokio::time::timeout(Duration::from_millis(1500), &mut server).await;
        server.abort();
    }
    node.stop().await;
    outcome.map(drop)
}

/// Takes part in the cluster, or waits to be added to one.
async fn start(node: &Arc<Node>, identity: Option<Identity>) -> anyhow::Result<()> {
    if let Some(identity) = identity {
        return node.join(&identity).await;
    }
    let Some(id) = node.args.founder_id() else {
        tracing::info!("waiting to be added to a cluster");
        return Ok(());
    };
    if founding::standing(node, id).await == Standing::Stranger {
        tracing::warn!("no longer a member of the cluster, waiting to be added");
        return Ok(());
    }
    let name = node.args.name.clone();
    node.join(&Identity { id, name }).await?;
    if let Some(joined) = node.joined() {
        node.spawn(founding::found(Arc::clone(node), id, joined.raft.clone()));
    }
    Ok(())
}

/// Small messages go out at once, and connections to hosts that vanished end some time.
fn tune(stream: &mut TcpStream) {
    // Failing to tune a connection is no reason to refuse it.
    let _ = stream.set_nodelay(true);
    let _ = socket::setsockopt(stream, socket::sockopt::KeepAlive, &true);
    let _ = socket::setsockopt(stream, socket::sockopt::TcpKeepIdle, &10);
    let _ = socket::setsockopt(stream, socket::sockopt::TcpUserTimeout, &30_000);
}
