//! How often the defaults abort a rollout of a release that is as good as the one that serves, and how often they miss one
//! that is worse. `docs/rollout.md` shows the table this prints.

use super::*;
use crate::rollout::latency::Latency;

const WINDOWS: u32 = 2000;
const SIZES: [u64; 3] = [50, 500, 5000];
/// At a tenth of the traffic the active colour has nine times as much.
const ACTIVE: u64 = 9;
/// Log-normal answers of 20 ms in the middle, 5 % of them above 46 ms.
const MEDIAN: f64 = 20.0;
const SIGMA: f64 = 0.5;

/// G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 0.0–1.0, neither end included.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Box and Muller's.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// How many of `n` something of that chance happens to: the gaps between them are geometric, and many are normal.
    fn binomial(&mut self, n: u64, chance: f64) -> u64 {
        let (mean, variance) = (n as f64 * chance, n as f64 * chance * (1.0 - chance));
        if variance > 30.0 {
            return (mean + variance.sqrt() * self.normal()).round().clamp(0.0, n as f64) as u64;
        }
        if chance > 0.5 {
            return n - self.binomial(n, 1.0 - chance);
        }
        let (mut hits, mut at) = (0, 0.0);
        loop {
            at += (self.uniform().ln() / (-chance).ln_1p()).floor() + 1.0;
            if at > n as f64 {
                return hits;
            }
            hits += 1;
        }
    }
}

/// How a colour behaves.
#[derive(Clone, Copy)]
struct Nature {
    error_rate: f64,
    median: f64,
    /// Requests of one visitor, who has an error in all of them or in none.
    visits: u64,
}

/// The shares of the buckets.
fn shares(median: f64) -> [f64; Latency::BUCKETS] {
    let mut rng = SplitMix(7);
    let mut counts = [0.0; Latency::BUCKETS];
    for _ in 0..20_000 {
        let millis = median * (SIGMA * rng.normal()).exp();
        let bucket = Latency::BOUNDS.iter().position(|bound| millis < *bound as f64);
        counts[bucket.unwrap_or(Latency::BOUNDS.len())] += 1.0 / 20_000.0;
    }
    counts
}

fn window(rng: &mut SplitMix, requests: u64, nature: Nature, shares: &[f64; Latency::BUCKETS]) -> Counters {
    let failures = nature.visits * rng.binomial(requests / nature.visits, nature.error_rate);
    let mut latency = Latency::default();
    let (mut left, mut chance) = (requests, 1.0);
    for (count, share) in latency.0.iter_mut().zip(shares) {
        // What is left falls into this bucket or into a later one.
        let here = (share / chance).clamp(1e-12, 1.0 - 1e-12);
        *count = rng.binomial(left, here).min(left);
        (left, chance) = (left - *count, chance - share);
    }
    Counters { attempts: requests, answers: requests - failures, failures, latency, ..Counters::default() }
}

/// The share of windows that fail, for each size.
fn failing(rng: &mut SplitMix, candidate: Nature, active: Nature) -> [f64; SIZES.len()] {
    let policy = AnalysisPolicy::default();
    let (here, there) = (shares(candidate.median), shares(active.median));
    SIZES.map(|size| {
        let failed = (0..WINDOWS).filter(|_| {
            let blue = window(rng, size * ACTIVE, active, &there);
            let green = window(rng, size, candidate, &here);
            let judgement = judge(&PerColour::default(), &PerColour { blue, green }, Colour::Green, &policy);
            judgement.verdict == Verdict::Fail
        });
        failed.count() as f64 / f64::from(WINDOWS)
    })
}

/// A kind of candidate, and how often it was failed.
struct Row {
    candidate: String,
    is_good: bool,
    failed: [f64; SIZES.len()],
}

fn table() -> Vec<Row> {
    let mut rng = SplitMix(1);
    let usual = Nature { error_rate: 0.001, median: MEDIAN, visits: 1 };
    let mut rows = Vec::new();
    for (active, percent) in [(usual, "0.1"), (Nature { error_rate: 0.005, ..usual }, "0.5")] {
        let visitors = Nature { visits: 2, ..active };
        let equal = format!("as good, {percent} % errors");
        let in_pairs = format!("{equal}, always two at a time");
        rows.push(Row { candidate: equal, is_good: true, failed: failing(&mut rng, active, active) });
        rows.push(Row { candidate: in_pairs, is_good: true, failed: failing(&mut rng, visitors, visitors) });
        for factor in [2.0, 5.0, 10.0] {
            let worse = Nature { error_rate: active.error_rate * factor, ..active };
            let candidate = format!("{factor} times {percent} % errors");
            rows.push(Row { candidate, is_good: false, failed: failing(&mut rng, worse, active) });
        }
    }
    for factor in [1.5, 2.0, 4.0] {
        let slower = Nature { median: MEDIAN * factor, ..usual };
        let candidate = format!("{factor} times as slow");
        rows.push(Row { candidate, is_good: false, failed: failing(&mut rng, slower, usual) });
    }
    rows
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what the test has to show")]
fn good_candidates_are_hardly_ever_aborted_and_much_worse_ones_hardly_ever_missed() {
    let rows = table();
    println!("| Candidate | is | {} |", SIZES.map(|size| format!("{size} requests")).join(" | "));
    for Row { candidate, is_good, failed } in &rows {
        let (what, shares) =
            if *is_good { ("aborted", *failed) } else { ("missed", failed.map(|failed| 1.0 - failed)) };
        let shown = shares.map(|share| format!("{:.1} %", 100.0 * share));
        println!("| {candidate} | {what} | {} |", shown.join(" | "));
    }
    for Row { candidate, failed, .. } in rows.iter().filter(|row| row.is_good) {
        assert!(failed.iter().all(|share| *share < 0.01), "{candidate}: {failed:?}");
    }
    let found =
        [("10 times 0.5 % errors", 1), ("10 times 0.1 % errors", 2), ("2 times as slow", 1), ("4 times as slow", 0)];
    for (candidate, size) in found {
        let row = rows.iter().find(|row| row.candidate == candidate).unwrap();
        assert!(row.failed[size] > 0.99, "{candidate}: {:?}", row.failed);
    }
}
