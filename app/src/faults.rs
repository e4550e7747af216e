//! Faults on purpose, to rehearse a bad release.

use std::{
    hash::{BuildHasher, RandomState},
    hint,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use tokio::time;

use crate::{configuration, context::Context, failure::failure};

/// The faults that strike requests. Those of the whole process, a late start and a crash, are the application's own.
#[derive(Debug)]
pub(crate) struct Faults {
    error_rate: f64,
    latency: Duration,
    pub(crate) never_ready: bool,
    drawn: AtomicU64,
    seed: RandomState,
}

impl Faults {
    pub(crate) fn new(settings: &configuration::Faults) -> Self {
        Self {
            error_rate: settings.error_rate,
            latency: settings.latency,
            never_ready: settings.never_ready,
            drawn: AtomicU64::new(0),
            seed: RandomState::new(),
        }
    }

    /// Whether the next request fails.
    ///
    /// Drawn at random rather than every n-th: clients that take turns between GET and POST
    /// would otherwise see all of one fail and none of the other.
    fn strikes(&self) -> bool {
        let draw = self.seed.hash_one(self.drawn.fetch_add(1, Relaxed));
        uniform(draw) < self.error_rate
    }
}

/// Maps a random number to [0, 1): the 53 bits that a float holds exactly.
fn uniform(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// Delays the request, and answers 500 in place of the service where the draw says so.
pub(crate) async fn inject(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let faults = &context.faults;
    if !faults.latency.is_zero() {
        time::sleep(faults.latency).await;
    }
    if faults.strikes() {
        return failure(StatusCode::INTERNAL_SERVER_ERROR, "faults.error_rate");
    }
    next.run(request).await
}

/// Takes so much memory for as long as the process lives, beside what it serves meanwhile.
pub(crate) fn allocate(bytes: usize) {
    const PIECE: usize = 1 << 20;
    thread::spawn(move || {
        for taken in (0..bytes).step_by(PIECE) {
            // Written to, or the kernel would never give it; and out of the compiler's sight, or nobody would ask for it.
            hint::black_box(vec![u8::MAX; PIECE.min(bytes - taken)].leak());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(error_rate: f64, draws: usize) -> usize {
        let faults = Faults::new(&configuration::Faults {
            error_rate,
            latency: Duration::ZERO,
            never_ready: false,
            start_delay: Duration::ZERO,
            allocate: 0,
            crash_after: None,
        });
        (0..draws).filter(|_| faults.strikes()).count()
    }

    #[test]
    fn none_and_all_are_exact() {
        assert_eq!(struck(0.0, 10_000), 0);
        assert_eq!(struck(1.0, 10_000), 10_000);
    }

    #[test]
    fn a_share_is_met_nearly() {
        // Ten standard deviations wide: fails once in more runs than there will ever be.
        let struck = struck(0.25, 10_000);
        assert!((2_067..=2_933).contains(&struck), "{struck}");
    }

    #[test]
    fn the_draw_covers_zero_but_not_one() {
        assert!(uniform(0).abs() < f64::EPSILON);
        assert!(uniform(u64::MAX) < 1.0);
    }
}
