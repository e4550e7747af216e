//! The accept loop.
//!
//! axum's own has neither a time-out for a request's head nor a deadline on shutting down.

use std::{io, iter, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time,
};

use crate::context::Context;

/// How long to wait after a failure to accept that the next attempt would meet as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many clients are taken from the kernel's queue at the end: as many as tokio lets wait there.
const QUEUE: usize = 1024;

/// One client's connection, which may become something else than HTTP.
type Connection = http1::UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// How a connection's task ended.
type Ended = Result<hyper::Result<()>, JoinError>;

/// What clients may take of the server.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Connections open at once; further ones wait in the kernel's queue.
    pub(crate) connections: usize,
    /// For a request's head, counted from the end of the response before it.
    pub(crate) header_read_timeout: Duration,
    /// For requests in flight at the end.
    pub(crate) shutdown_grace: Duration,
}

/// Serves until `stop` completes, then lets requests in flight finish, within the grace.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    context: &Context,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut connections = Connections::new(router, limits, context);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept(), if !connections.are_full() => match accepted {
                Ok((stream, _)) => connections.open(stream),
                Err(error) => pause(&error).await,
            },
            Some(ended) = connections.tasks.join_next() => report(ended),
        }
    }
    for stream in queued(listener) {
        connections.open(stream);
    }
    connections.shut_down().await;
}

struct Connections<'s> {
    router: Router,
    limits: &'s Limits,
    context: &'s Context,
    closing: watch::Sender<()>,
    tasks: JoinSet<hyper::Result<()>>,
}

impl<'s> Connections<'s> {
    fn new(router: Router, limits: &'s Limits, context: &'s Context) -> Self {
        Self { router, limits, context, closing: watch::Sender::new(()), tasks: JoinSet::new() }
    }

    fn are_full(&self) -> bool {
        self.tasks.len() >= self.limits.connections
    }

    fn open(&mut self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let counted = self.context.metrics.connection();
        // Shutting down closes a connection whose first bytes are not read yet, though they may be there.
        // One accepted while draining is spared that: its one request is answered, then it ends by itself.
        let is_last_call = self.context.lifecycle.is_draining();
        let closing = (!is_last_call).then(|| self.closing.subscribe());
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read_timeout)
            .keep_alive(!is_last_call)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        self.tasks.spawn(async move {
            let _counted = counted;
            match closing {
                Some(closing) => until_closing(connection, closing).await,
                None => connection.await,
            }
        });
    }

    async fn shut_down(mut self) {
        let grace = self.limits.shutdown_grace;
        tracing::info!(connections = self.tasks.len(), ?grace, "shutting down");
        let finish = async {
            self.closing.send_replace(());
            while let Some(ended) = self.tasks.join_next().await {
                report(ended);
            }
        };
        if time::timeout(grace, finish).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cut off after the grace");
            self.tasks.shutdown().await;
        }
        tracing::info!("stopped");
    }
}

/// Serves a connection, and from the moment at which all are to close only what it has begun.
async fn until_closing(connection: Connection, mut closing: watch::Receiver<()>) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = closing.changed() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// The clients in the kernel's queue: connected already, so that closing the listener would reset them.
fn queued(listener: TcpListener) -> Vec<TcpStream> {
    // Not by tokio's accept: it waits for an event, which may not have come yet.
    let accept_all = |listener: std::net::TcpListener| {
        iter::from_fn(|| listener.accept().ok())
            .take(QUEUE)
            .filter_map(|(stream, _)| {
                stream.set_nonblocking(true).ok()?;
                TcpStream::from_std(stream).ok()
            })
            .collect()
    };
    listener.into_std().map(accept_all).unwrap_or_default()
}

/// A client that hung up in the queue is its own affair; want of descriptors or memory stays for a while.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset) {
        tracing::warn!(%error, "cannot accept");
        time::sleep(ACCEPT_PAUSE).await;
    }
}

fn report(ended: Ended) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection ended early"),
        Err(error) => tracing::error!(%error, "connection failed"),
    }
}
