//! `app serve`: serves requests until it is told to stop.

use std::{io, process::ExitCode};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use super::{EXIT_CONFIGURATION, complain};
use crate::{
    cli::Globals,
    configuration::{Settings, derived::Explanation},
    startup::Application,
    telemetry,
};

/// Serves until SIGTERM or SIGINT. Exits 0 after a drain, 1 on a failure, 78 on a configuration error.
#[must_use]
pub fn run(globals: &Globals) -> ExitCode {
    let loaded = globals.sources().and_then(|sources| sources.load_explained());
    let (settings, explanation) = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(problems);
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    telemetry::init(&settings.log);
    match serve(settings, explanation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("stopped: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings, explanation: Explanation) -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        Application::build(settings, explanation).await?.run_until_stopped(stop).await
    })
}

/// Completes at the first SIGTERM or SIGINT. Listens from now on, not only once it is polled.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM received"),
            _ = interrupt.recv() => tracing::info!("SIGINT received"),
        }
    })
}
