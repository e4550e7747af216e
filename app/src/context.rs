//! What every request handler shares.

use std::time::Duration;

use crate::{
    configuration::{Environment, Secret, Settings, derived::Explanation},
    faults::Faults,
    identity::Identity,
    lifecycle::Lifecycle,
    metrics::Metrics,
    request_id::RequestIds,
};

/// The state behind the routes, one for each application.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) identity: Identity,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: Metrics,
    pub(crate) faults: Faults,
    pub(crate) request_ids: RequestIds,
    /// Where the settings come from, in development: it is nobody's business elsewhere.
    pub(crate) explanation: Option<Explanation>,
    /// How long a handler may take.
    pub(crate) request_timeout: Duration,
    /// What a scraper has to present, where that is asked for.
    pub(crate) metrics_token: Option<Secret>,
}

impl Context {
    /// Fails where the release's name is not fit for a header, which validation has ruled out.
    pub(crate) fn new(settings: &Settings, explanation: Explanation) -> anyhow::Result<Self> {
        let identity = Identity::new(settings)?;
        Ok(Self {
            metrics: Metrics::new(&identity),
            lifecycle: Lifecycle::default(),
            faults: Faults::new(&settings.faults),
            request_ids: RequestIds::default(),
            explanation: (settings.environment == Environment::Development).then_some(explanation),
            request_timeout: settings.server.request_timeout,
            metrics_token: settings.metrics.token.clone(),
            identity,
        })
    }
}
