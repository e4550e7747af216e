//! What was measured, beside what is wanted of it.

use std::time::Duration;

use serde::Serialize;

use crate::out;

/// What becomes of the figures of a benchmark.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Report {
    /// Ends with exit code 1 when a goal is missed.
    #[arg(long)]
    pub(super) check: bool,
    /// Prints the figures as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    Seconds,
    Ratio,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds if value < 0.01 => format!("{:.0} µs", value * 1_000_000.0),
            Unit::Seconds if value < 1.0 => format!("{:.0} ms", value * 1000.0),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Ratio => format!("{value:.2}"),
        }
    }
}

/// Several measurements of one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Series {
    pub(super) median: f64,
    pub(super) worst: f64,
    /// In the order in which they were made.
    pub(super) runs: Vec<f64>,
}

impl Series {
    /// The series; of nothing, it is as bad as can be.
    pub(super) fn of(runs: Vec<f64>) -> Series {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::INFINITY);
        let half = sorted.len() / 2;
        let median =
            if sorted.len().is_multiple_of(2) && half > 0 { (at(half - 1) + at(half)) / 2.0 } else { at(half) };
        Series { median, worst: at(sorted.len().saturating_sub(1)), runs }
    }
}

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Met,
    Missed,
    /// It is not, and would not be with nothing happening either.
    Unclear,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Unclear => "unclear: the machine is too busy to tell",
        }
    }
}

/// One row: a series, its goal, and whether the median meets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: Unit,
    #[serde(flatten)]
    pub(super) series: Series,
    pub(super) goal: f64,
    pub(super) verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) noise: Option<Noise>,
}

/// What a ratio is when nothing happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Noise {
    /// What is compared, in seconds.
    pub(super) steady: Series,
    /// Two spans of it against each other.
    pub(super) ratio: Series,
}

impl Figure {
    pub(super) fn seconds(id: &'static str, what: &'static str, runs: &[Duration], goal: Duration) -> Figure {
        let runs = runs.iter().map(Duration::as_secs_f64).collect();
        Figure::new(id, what, Unit::Seconds, runs, goal.as_secs_f64())
    }

    pub(super) fn ratio(id: &'static str, what: &'static str, runs: Vec<f64>, noise: Noise, goal: f64) -> Figure {
        let mut figure = Figure::new(id, what, Unit::Ratio, runs, goal);
        if figure.verdict == Verdict::Missed && noise.ratio.median > goal {
            figure.verdict = Verdict::Unclear;
        }
        Figure { noise: Some(noise), ..figure }
    }

    /// What share of one thing another takes, each run a comparison.
    pub(super) fn share(id: &'static str, what: &'static str, runs: Vec<f64>, goal: f64) -> Figure {
        Figure::new(id, what, Unit::Ratio, runs, goal)
    }

    /// How much slower something is than something else, each run a comparison. It is slower beyond the goal only where
    /// nearly every run says so, and by more than the two halves of the same differ.
    pub(super) fn slowdown(id: &'static str, what: &'static str, runs: Vec<f64>, noise: Noise, goal: f64) -> Figure {
        let is_shown = is_nearly_always_above(&runs, goal);
        let mut figure = Figure::new(id, what, Unit::Ratio, runs, goal);
        if figure.verdict == Verdict::Missed && !(is_shown && figure.series.median > noise.ratio.median) {
            figure.verdict = Verdict::Unclear;
        }
        Figure { noise: Some(noise), ..figure }
    }

    /// In a few words, for whoever waits for the table.
    pub(super) fn brief(&self) -> String {
        let [median, goal] = [self.series.median, self.goal].map(|value| self.unit.show(value));
        format!("{}: {median}, of {goal} at the most: {}", self.what, self.verdict.name())
    }

    /// Where the machine has other work, a goal that is missed shows nothing.
    pub(super) fn unclear_if_missed(mut self) -> Figure {
        if self.verdict == Verdict::Missed {
            self.verdict = Verdict::Unclear;
        }
        self
    }

    fn new(id: &'static str, what: &'static str, unit: Unit, runs: Vec<f64>, goal: f64) -> Figure {
        let series = Series::of(runs);
        let verdict = if series.median <= goal { Verdict::Met } else { Verdict::Missed };
        Figure { id, what, unit, series, goal, verdict, noise: None }
    }
}

/// What rounds of four show, the first and the last of one thing and those between of another: the other as a multiple of
/// the one, and as noise the one against itself. What grows steadily, such as the heat of a processor, strikes both alike.
pub(super) fn interleaved(rounds: &[[f64; 4]]) -> (Vec<f64>, Noise) {
    let ratios = rounds.iter().map(|[first, second, third, last]| (second + third) / (first + last));
    let steady = rounds.iter().map(|[first, _, _, last]| (first + last) / 2.0).collect();
    let noise = rounds.iter().map(|[first, _, _, last]| first.max(*last) / first.min(*last)).collect();
    (ratios.collect(), Noise { steady: Series::of(steady), ratio: Series::of(noise) })
}

/// Whether that so many of the values are above a bound would be chance less than once in a thousand times if half of all
/// that could have been measured were: the sign test, which takes nothing for granted about how they spread.
fn is_nearly_always_above(values: &[f64], bound: f64) -> bool {
    let above = values.iter().filter(|value| **value > bound).count();
    let count = values.len();
    // The chance of each number of them, from that of none on: (1/2)^count, times how many ways there are.
    let mut chance = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut at_least = 0.0;
    for number in 0..=count {
        at_least += if number >= above { chance } else { 0.0 };
        chance *= (count - number) as f64 / (number + 1) as f64;
    }
    at_least < 0.001
}

/// The table a person sees.
pub(super) fn print(figures: &[Figure]) {
    let width = figures.iter().map(|figure| figure.what.len()).max().unwrap_or_default();
    out!("{:<width$} {:>9} {:>9} {:>9}  verdict", "", "median", "worst", "goal");
    for Figure { what, unit, series, goal, verdict, noise, .. } in figures {
        let [median, worst, goal] = [series.median, series.worst, *goal].map(|value| unit.show(value));
        out!("{what:<width$} {median:>9} {worst:>9} {goal:>9}  {}", verdict.name());
        if let Some(Noise { steady, ratio }) = noise {
            let [median, worst] = [ratio.median, ratio.worst].map(|value| unit.show(value));
            let what = format!("  noise, steady / steady, of {}", Unit::Seconds.show(steady.median));
            out!("{what:<width$} {median:>9} {worst:>9}");
        }
    }
}

/// The smallest of the values that no more than `1.0 - share` of them exceed; none of nothing.
pub(super) fn quantile(values: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_worst_at_the_end() {
        let series = Series::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((series.median, series.worst), (2.0, 3.0));
        assert_eq!(Series::of(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Series::of(vec![7.0]).median, 7.0);
        assert!(Series::of(Vec::new()).median.is_infinite());
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 0.99), Some(Duration::from_millis(198)));
        assert_eq!(quantile(&values[..1], 0.99), Some(Duration::from_millis(1)));
        assert_eq!(quantile(&[], 0.99), None);
    }

    #[test]
    fn what_is_measured_is_held_against_its_goal_by_the_median() {
        let runs = [10, 20, 900].map(Duration::from_millis);
        assert_eq!(Figure::seconds("x", "x", &runs, Duration::from_millis(20)).verdict, Verdict::Met);
        assert_eq!(Figure::seconds("x", "x", &runs, Duration::from_millis(19)).verdict, Verdict::Missed);
    }

    #[test]
    fn slower_is_what_nearly_every_run_says_and_noise_does_not_explain() {
        let verdict = |above: usize, noise| {
            let runs = (0..24).map(|run| if run < above { 1.4 } else { 1.0 }).collect();
            let noise = Noise { steady: Series::of(vec![1.0]), ratio: Series::of(vec![noise]) };
            Figure::slowdown("x", "x", runs, noise, 1.25).verdict
        };
        assert_eq!(verdict(11, 1.1), Verdict::Met);
        // Of 24 coins, 19 fall heads three times in a thousand, and 20 less than once.
        assert_eq!(verdict(19, 1.1), Verdict::Unclear);
        assert_eq!(verdict(20, 1.1), Verdict::Missed);
        assert_eq!(verdict(24, 1.3), Verdict::Missed);
        assert_eq!(verdict(24, 1.5), Verdict::Unclear);
        assert!(is_nearly_always_above(&[2.0; 10], 1.0) && !is_nearly_always_above(&[2.0; 9], 1.0));
    }

    #[test]
    fn a_round_compares_the_middle_with_both_ends_and_the_ends_with_each_other() {
        let (ratios, noise) = interleaved(&[[1.0, 3.0, 5.0, 3.0], [2.0, 1.0, 1.0, 2.0]]);
        assert_eq!(ratios, [2.0, 0.5]);
        assert_eq!((noise.ratio.runs, noise.steady.runs), (vec![3.0, 1.0], vec![2.0, 2.0]));
    }

    #[test]
    fn a_ratio_that_is_missed_with_nothing_happening_too_is_unclear() {
        let verdict = |ratio, noise| {
            let noise = Noise { steady: Series::of(vec![1.0]), ratio: Series::of(vec![noise]) };
            Figure::ratio("x", "x", vec![ratio], noise, 1.1).verdict
        };
        assert_eq!(verdict(1.1, 3.0), Verdict::Met);
        assert_eq!(verdict(1.2, 1.1), Verdict::Missed);
        assert_eq!(verdict(1.2, 1.3), Verdict::Unclear);
    }
}
