//! What every request handler shares.

use crate::{
    configuration::Settings, faults::Faults, identity::Identity, lifecycle::Lifecycle, metrics::Metrics,
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
}

impl Context {
    /// Fails where the release's name is not fit for a header, which validation has ruled out.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let identity = Identity::new(settings)?;
        Ok(Self {
            metrics: Metrics::new(&identity),
            lifecycle: Lifecycle::default(),
            faults: Faults::new(&settings.faults),
            request_ids: RequestIds::default(),
            identity,
        })
    }
}
