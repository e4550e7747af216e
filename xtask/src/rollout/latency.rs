//! How long answers took, as far as the proxy tells them apart.

use std::iter::Sum;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Answers counted by how long they took, one counter a bucket. `haproxy.cfg` sorts them in by the same bounds.
///
/// ```
/// use std::time::Duration;
/// use xtask::rollout::latency::Latency;
///
/// // Ninety answers in less than 1 ms, ten in 5 to 10 ms.
/// let latency = Latency([90, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
/// assert_eq!(latency.quantile(0.9), Some(Duration::from_millis(1)));
/// assert_eq!(latency.quantile(0.95), Some(Duration::from_millis(10)));
/// assert_eq!(latency.slower_than(Duration::from_millis(5)), 10);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency(pub [u64; Latency::BUCKETS]);

impl Latency {
    /// The number of buckets.
    pub const BUCKETS: usize = 12;

    /// The upper bounds of the buckets in milliseconds; the last bucket has none.
    pub const BOUNDS: [u64; Latency::BUCKETS - 1] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];

    /// The number of answers.
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    /// What came after an earlier reading; none where the counting has begun anew since.
    pub fn since(self, before: Latency) -> Option<Latency> {
        let mut counts = self.0;
        for (count, before) in counts.iter_mut().zip(before.0) {
            *count = count.checked_sub(before)?;
        }
        Some(Latency(counts))
    }

    /// The answers that took `limit` or longer for certain. Within a bucket nothing is told apart, so that a limit between
    /// two bounds acts as the upper one.
    pub fn slower_than(self, limit: Duration) -> u64 {
        let lower_bounds = std::iter::once(Duration::ZERO).chain(Latency::bounds());
        let slower = lower_bounds.zip(self.0).filter(|(bound, _)| *bound >= limit);
        slower.map(|(_, count)| count).sum()
    }

    /// The smallest bound that no more than `1.0 - share` of the answers exceed; none where only the last bucket would do,
    /// or nothing was answered.
    pub fn quantile(self, share: f64) -> Option<Duration> {
        // A tenth of a hundred is not quite ten in binary.
        let tolerated = (1.0 - share) * self.total() as f64 + 1e-9;
        let is_enough = |bound: &Duration| self.total() > 0 && self.slower_than(*bound) as f64 <= tolerated;
        Latency::bounds().find(is_enough)
    }

    /// The upper bounds as spans of time.
    pub fn bounds() -> impl Iterator<Item = Duration> {
        Latency::BOUNDS.into_iter().map(Duration::from_millis)
    }
}

impl Sum for Latency {
    fn sum<I: Iterator<Item = Latency>>(all: I) -> Latency {
        all.fold(Latency::default(), |Latency(sum), Latency(more)| {
            Latency(std::array::from_fn(|bucket| sum[bucket] + more[bucket]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_limit_between_two_bounds_acts_as_the_upper_one() {
        let latency = Latency([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]);
        assert_eq!(latency.total(), 4095);
        assert_eq!(latency.slower_than(Duration::ZERO), 4095);
        assert_eq!(latency.slower_than(MILLI), 4094);
        assert_eq!(latency.slower_than(150 * MILLI), latency.slower_than(250 * MILLI));
        assert_eq!(latency.slower_than(2500 * MILLI), 2048);
        assert_eq!(latency.slower_than(2501 * MILLI), 0);
    }

    #[test]
    fn a_quantile_is_a_bound_and_beyond_the_last_there_is_none() {
        let mut counts = [0; Latency::BUCKETS];
        assert_eq!(Latency(counts).quantile(0.95), None);
        counts[4] = 95;
        counts[11] = 5;
        assert_eq!(Latency(counts).quantile(0.95), Some(25 * MILLI));
        assert_eq!(Latency(counts).quantile(0.96), None);
    }

    #[test]
    fn counters_that_went_backwards_give_nothing() {
        let (mut before, mut after) = (Latency::default(), Latency::default());
        after.0[3] = 7;
        assert_eq!(after.since(before), Some(after));
        before.0[5] = 1;
        assert_eq!(after.since(before), None);
    }
}
