//! The application as a value: built, asked for its port, run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use tokio::{net::TcpListener, time};

use crate::{
    configuration::{Settings, derived::Explanation},
    context::Context,
    cors, faults, routes,
    server::{self, Limits},
};

/// The service, listening but not serving yet.
#[derive(Debug)]
pub struct Application {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    context: Arc<Context>,
    settings: Settings,
}

impl Application {
    /// Listens on the configured address, once the `start_delay` fault lets it. Development shows the `explanation` of its settings.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or the `crash_after` fault is `0s`.
    pub async fn build(settings: Settings, explanation: Explanation) -> anyhow::Result<Self> {
        if settings.faults.crash_after == Some(Duration::ZERO) {
            return Err(crash(Duration::ZERO));
        }
        time::sleep(settings.faults.start_delay).await;
        let context = Arc::new(Context::new(&settings, explanation)?);
        let wanted = SocketAddr::new(settings.server.host, settings.server.port);
        let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on {wanted}"))?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            router: routes::router(Arc::clone(&context), cors::layer(&settings.cors)?),
            context,
            settings,
        })
    }

    /// The port it listens on: a free one where `server.port` is 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves until `stop` completes, then drains and shuts down within `server.shutdown_grace`.
    ///
    /// # Errors
    ///
    /// The `crash_after` fault strikes.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Settings { server, .. } = &self.settings;
        let limits = Limits {
            connections: server.max_connections,
            header_read_timeout: server.header_read_timeout,
            shutdown_grace: server.shutdown_grace,
        };
        let drained = drain(&self.context, stop, server.drain_delay);
        self.announce();
        faults::allocate(self.settings.faults.allocate);
        let crash_after = self.settings.faults.crash_after;
        tokio::select! {
            () = server::serve(self.listener, self.router, &limits, &self.context, drained) => Ok(()),
            error = crash_in(crash_after) => Err(error),
        }
    }

    fn announce(&self) {
        self.context.lifecycle.start();
        tracing::info!(
            address = %self.address,
            port = self.port(),
            environment = %self.settings.environment,
            release = self.settings.release.name,
            colour = %self.settings.release.colour,
            "listening"
        );
    }
}

/// Completes when the service may stop accepting: `delay` after `stop`, not ready for all of it.
async fn drain(context: &Context, stop: impl Future<Output = ()>, delay: Duration) {
    stop.await;
    context.lifecycle.drain();
    tracing::info!(?delay, "draining");
    time::sleep(delay).await;
}

async fn crash_in(after: Option<Duration>) -> anyhow::Error {
    match after {
        Some(after) => {
            time::sleep(after).await;
            crash(after)
        }
        None => std::future::pending().await,
    }
}

fn crash(after: Duration) -> anyhow::Error {
    anyhow::anyhow!("crashed on purpose, faults.crash_after is {after:?}")
}
