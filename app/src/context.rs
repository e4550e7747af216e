//! What every request handler shares.

use crate::{
    configuration::{Environment, Settings, derived::Explanation},
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
            identity,
        })
    }
}
