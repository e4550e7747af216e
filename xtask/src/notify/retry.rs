//! Trying again, later and later, until a deadline.

use std::time::Duration;

use crate::rollout::world::Clock;

/// How long it waits after the first attempt; after each further one twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// The longest it waits of its own accord.
const LONGEST: Duration = Duration::from_secs(4);

/// When another attempt is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It would come to the same.
    Never,
    /// In a moment.
    Soon,
    /// The other side has said when.
    After(Duration),
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// In words.
    pub(super) reason: String,
    /// The status of the answer, if there was one.
    pub(super) status: Option<u16>,
    /// When another is worth it.
    pub(super) again: Again,
}

impl Trouble {
    /// One that no answer tells of.
    pub(super) fn new(reason: impl Into<String>, again: Again) -> Trouble {
        Trouble { reason: reason.into(), status: None, again }
    }
}

/// What came of all attempts, and how many there were.
pub(super) struct Tried<T> {
    pub(super) result: Result<T, Trouble>,
    pub(super) attempts: u32,
}

/// Attempts something until it succeeds, is not worth another attempt, or `deadline` by the clock is near. Each attempt is
/// given what time is left. `jitter` gives numbers from 0 to 1, so that those who failed together do not come back together.
pub(super) fn insist<T>(
    clock: &dyn Clock,
    deadline: Duration,
    mut jitter: impl FnMut() -> f64,
    mut attempt: impl FnMut(Duration) -> Result<T, Trouble>,
) -> Tried<T> {
    let mut attempts = 0;
    loop {
        let left = deadline.saturating_sub(clock.elapsed());
        if left.is_zero() {
            let trouble = Trouble::new("there was no time left to be told of it", Again::Never);
            return Tried { result: Err(trouble), attempts };
        }
        attempts += 1;
        let trouble = match attempt(left) {
            Err(trouble) => trouble,
            result => return Tried { result, attempts },
        };
        let pause = pause(trouble.again, attempts, jitter());
        match pause.filter(|pause| *pause < deadline.saturating_sub(clock.elapsed())) {
            Some(pause) => clock.sleep(pause),
            None => return Tried { result: Err(trouble), attempts },
        }
    }
}

/// How long to wait after so many attempts.
fn pause(again: Again, attempts: u32, jitter: f64) -> Option<Duration> {
    match again {
        Again::Never => None,
        Again::After(pause) => Some(pause),
        Again::Soon => {
            let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
            Some(FIRST.saturating_mul(doubled).min(LONGEST).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::SystemTime;

    /// A clock by which nothing takes time but waiting.
    #[derive(Default)]
    struct Still(Mutex<Vec<Duration>>);

    impl Clock for Still {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().iter().sum()
        }

        fn sleep(&self, span: Duration) {
            self.0.lock().unwrap().push(span);
        }
    }

    /// The pauses before each attempt, how many there were, and the last reason.
    fn tried(seconds: u64, jitter: f64, again: Again, good: u32) -> (Vec<u128>, u32, Option<String>) {
        let (clock, mut count) = (Still::default(), 0);
        let tried = insist(
            &clock,
            Duration::from_secs(seconds),
            || jitter,
            |_| {
                count += 1;
                if count == good { Ok(()) } else { Err(Trouble::new(format!("attempt {count}"), again)) }
            },
        );
        let pauses = clock.0.lock().unwrap().iter().map(Duration::as_millis).collect();
        (pauses, tried.attempts, tried.result.err().map(|trouble| trouble.reason))
    }

    #[test]
    fn pauses_grow_to_a_bound_and_end_before_the_deadline() {
        let (pauses, attempts, reason) = tried(20, 1.0, Again::Soon, 0);
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
        assert_eq!((attempts, reason.as_deref()), (9, Some("attempt 9")));
        assert_eq!(tried(20, 0.0, Again::Soon, 3).0, [125, 250]);
    }

    #[test]
    fn what_is_hopeless_is_tried_once_and_what_succeeds_no_more() {
        assert_eq!(tried(20, 1.0, Again::Never, 0), (vec![], 1, Some("attempt 1".into())));
        assert_eq!(tried(20, 1.0, Again::Soon, 3), (vec![250, 500], 3, None));
    }

    #[test]
    fn what_the_other_side_asks_for_is_done_where_there_is_time() {
        assert_eq!(tried(20, 1.0, Again::After(Duration::from_secs(7)), 3), (vec![7000, 7000], 3, None));
        assert_eq!(tried(20, 1.0, Again::After(Duration::from_secs(30)), 2).1, 1);
        assert_eq!(tried(20, 1.0, Again::After(Duration::from_secs(u64::MAX)), 2).1, 1);
    }

    #[test]
    fn each_attempt_has_what_is_left_and_none_begins_late() {
        let clock = Still::default();
        let mut given = Vec::new();
        insist(
            &clock,
            Duration::from_secs(1),
            || 1.0,
            |left| {
                given.push(left.as_millis());
                Err::<(), _>(Trouble::new("", Again::Soon))
            },
        );
        assert_eq!(given, [1000, 750, 250]);
        let late = insist(&clock, Duration::ZERO, || 1.0, |_| Ok(()));
        assert_eq!((late.attempts, late.result.is_err()), (0, true));
        assert_eq!(pause(Again::Soon, 200, 1.0), Some(LONGEST));
    }
}
