//! `/livez` and `/readyz`.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

use crate::{context::Context, faults::Faults, lifecycle::Lifecycle};

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'static str>,
}

/// Alive is who answers: looking at anything else would restart a process that only waits.
pub(super) async fn livez() -> Json<Health> {
    Json(Health { status: "alive", causes: Vec::new() })
}

pub(super) async fn readyz(State(context): State<Arc<Context>>) -> (StatusCode, Json<Health>) {
    let causes = causes(&context.lifecycle, &context.faults);
    let (code, status) =
        if causes.is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (code, Json(Health { status, causes }))
}

/// Everything that keeps the process from being ready, not only the first thing.
fn causes(lifecycle: &Lifecycle, faults: &Faults) -> Vec<&'static str> {
    [
        (lifecycle.is_starting(), "starting"),
        (lifecycle.is_draining(), "draining"),
        (faults.never_ready, "faults.never_ready"),
    ]
    .into_iter()
    .filter_map(|(holds, cause)| holds.then_some(cause))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::configuration;

    fn faults(never_ready: bool) -> Faults {
        Faults::new(&configuration::Faults {
            error_rate: 0.0,
            latency: Duration::ZERO,
            never_ready,
            start_delay: Duration::ZERO,
            allocate: 0,
            crash_after: None,
        })
    }

    #[test]
    fn each_phase_names_its_cause() {
        let lifecycle = Lifecycle::default();
        assert_eq!(causes(&lifecycle, &faults(false)), ["starting"]);
        lifecycle.start();
        assert!(causes(&lifecycle, &faults(false)).is_empty());
        lifecycle.drain();
        assert_eq!(causes(&lifecycle, &faults(false)), ["draining"]);
    }

    #[test]
    fn all_causes_are_named_at_once() {
        let lifecycle = Lifecycle::default();
        lifecycle.drain();
        let causes = causes(&lifecycle, &faults(true));
        assert_eq!(causes, ["starting", "draining", "faults.never_ready"]);
    }
}
