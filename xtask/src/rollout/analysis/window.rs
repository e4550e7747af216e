//! What happened between two readings of the proxy's counters.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::interval::Share;
use crate::rollout::latency::Latency;
use crate::rollout::observed::Counters;

/// The requests of one colour within a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Attempts that have begun.
    pub begun: u64,
    /// Attempts that have ended; a request the proxy tried three times is three.
    pub requests: u64,
    /// Those of them that ended in a 5xx, without an answer, or in the middle of one.
    pub errors: u64,
    /// Attempts that have begun and have no answer at the end of the window.
    pub waiting: u64,
    /// How long the answers took.
    pub latency: Latency,
}

impl Sample {
    /// The requests between two readings; none where the counting has begun anew in between.
    ///
    /// What has ended and was not answered has failed, unless the client had left. An answer counts when it begins and its
    /// request when it ends, so that those open at the beginning of the window might have been answered before it: that many
    /// are not held against the colour. Nor is one for each client that left in the middle of its answer, as the proxy does
    /// not tell those from clients that left without one.
    pub fn between(before: Counters, after: Counters) -> Option<Sample> {
        let more = |of: fn(&Counters) -> u64| of(&after).checked_sub(of(&before));
        if before.counted_by != after.counted_by {
            return None;
        }
        let begun = more(|it| it.attempts)?;
        let ended = (begun + before.open).saturating_sub(after.open);
        let (answers, failures, left) = (more(|it| it.answers)?, more(|it| it.failures)?, more(|it| it.left)?);
        let (refused, broken) = (more(|it| it.refused)?, more(|it| it.broken)?);
        let unanswered = ended.saturating_sub(answers + failures + left + before.open).max(refused);
        Some(Sample {
            begun,
            requests: ended,
            errors: (failures + broken + unanswered).min(ended),
            waiting: begun.saturating_sub(answers + failures + left + unanswered),
            latency: after.latency.since(before.latency)?,
        })
    }

    pub(super) fn slower_than(&self, bound: Duration) -> Share {
        Share { part: self.latency.slower_than(bound), of: self.latency.total() }
    }

    pub(super) fn waiting(&self) -> Share {
        Share { part: self.waiting, of: self.begun }
    }

    pub(super) fn failed(&self) -> Share {
        Share { part: self.errors, of: self.requests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Counters = Counters {
        attempts: 0,
        open: 0,
        answers: 0,
        failures: 0,
        left: 0,
        refused: 0,
        broken: 0,
        latency: Latency([0; Latency::BUCKETS]),
        counted_by: 1,
    };

    #[track_caller]
    fn assert_counts(before: Counters, after: Counters, requests: u64, errors: u64) {
        let sample = Sample::between(before, after).unwrap();
        assert_eq!((sample.requests, sample.errors), (requests, errors));
    }

    #[test]
    fn attempts_without_an_answer_are_errors_and_clients_that_left_are_not() {
        let after = Counters { attempts: 102, open: 2, answers: 90, failures: 3, left: 4, ..NOTHING };
        assert_counts(NOTHING, after, 100, 6);
    }

    #[test]
    fn answers_that_broke_off_are_errors() {
        assert_counts(NOTHING, Counters { attempts: 20, answers: 20, broken: 5, ..NOTHING }, 20, 5);
        assert_counts(NOTHING, Counters { attempts: 20, failures: 20, broken: 20, ..NOTHING }, 20, 20);
    }

    #[test]
    fn an_answer_that_began_before_the_window_is_no_error_when_it_ends_within() {
        let before = Counters { attempts: 30, open: 30, answers: 30, ..NOTHING };
        assert_counts(before, Counters { attempts: 130, open: 0, answers: 130, ..NOTHING }, 130, 0);
    }

    #[test]
    fn an_answer_that_has_only_begun_hides_no_5xx_and_no_refused_connection() {
        assert_counts(NOTHING, Counters { attempts: 10, open: 5, answers: 8, failures: 2, ..NOTHING }, 5, 2);
        assert_counts(NOTHING, Counters { attempts: 10, open: 5, answers: 6, refused: 4, ..NOTHING }, 5, 4);
    }

    #[test]
    fn long_answers_that_begin_do_not_look_like_counters_that_went_backwards() {
        let before = Counters { attempts: 100, answers: 80, refused: 20, ..NOTHING };
        assert_counts(before, Counters { attempts: 200, open: 100, answers: 180, ..before }, 0, 0);
    }

    #[test]
    fn only_what_has_no_answer_is_waited_for() {
        let waiting = |after| Sample::between(NOTHING, after).unwrap().waiting;
        assert_eq!(waiting(Counters { attempts: 200, open: 200, ..NOTHING }), 200);
        assert_eq!(waiting(Counters { attempts: 200, open: 200, answers: 150, failures: 30, ..NOTHING }), 20);
        assert_eq!(waiting(Counters { attempts: 200, open: 20, answers: 100, left: 30, ..NOTHING }), 20);
    }

    #[test]
    fn another_worker_or_a_counter_that_went_backwards_gives_nothing() {
        let before = Counters { attempts: 1000, answers: 1000, ..NOTHING };
        let overtaken = Counters { attempts: 2000, counted_by: 2, ..before };
        let fewer = Counters { answers: 999, ..before };
        assert_eq!(Sample::between(before, overtaken), None);
        assert_eq!(Sample::between(before, fewer), None);
    }
}
