//! How long the service takes from the start of its container to its first good answer, and what of that is its own.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use super::row::{Row, Verdict};
use super::running::Guise;
use crate::delivery::Image;
use crate::rollout::colour::Colour;
use crate::rollout::policy::Span;
use crate::runtime::compose::trial::{Launched, State, Trial};
use crate::time;

/// One is an accident; of five, the middle one is told, and how far the others are from it.
const RUNS: usize = 5;
/// How much longer than it may it is waited for, so that what takes longer is told in figures.
const PATIENCE: u32 = 3;
/// How many lines of its log are shown of one that does not come up.
const LINES: usize = 8;
const COLOUR: Colour = Colour::Blue;
/// How often one that is not ready is looked at, whether it still runs.
const LOOK: Duration = Duration::from_millis(250);

/// One start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    /// From the engine's being told to start the container to the first good answer.
    whole: Duration,
    /// From the container's running, as the engine has it, to that answer, less what asking takes.
    own: Duration,
}

/// A row for the limit on the whole, and one for the service's own part where there is a limit on that.
pub(super) fn rows(trial: &Trial<'_>, guise: &Guise<'_>, image: &Image) -> Vec<Row> {
    let Some(limit) = image.max_start else { return Vec::new() };
    match measure(trial, guise, *limit) {
        Ok(runs) => {
            let own = image.max_start_beyond_engine.filter(|_| runs.len() == RUNS);
            std::iter::once(whole(&runs, limit, guise)).chain(own.map(|limit| beyond(&runs, limit))).collect()
        }
        Err(error) => vec![Row::new("start", Verdict::Failed, format!("{error:#}, {}", guise.told()), START_REMEDY)],
    }
}

const START_REMEDY: &str =
    "do less before the service listens: what can come later need not come first; or raise image.max_start";

fn whole(runs: &[Measured], limit: Span, guise: &Guise<'_>) -> Row {
    let times = Times::of(runs.iter().map(|run| run.whole));
    let verdict = if times.slowest() <= *limit { Verdict::Passed } else { Verdict::Failed };
    let found = format!(
        "{} to the first good answer; median {} of {}, {}",
        shown(times.slowest()),
        shown(times.median()),
        runs.len(),
        guise.told()
    );
    Row::new("start", verdict, found, START_REMEDY).allowing(format!("at most {limit}"))
}

/// Judged less what the starts vary by: a machine that has other work to do is no fault of the service.
fn beyond(runs: &[Measured], limit: Span) -> Row {
    let times = Times::of(runs.iter().map(|run| run.own));
    let engine = Times::of(runs.iter().map(|run| run.whole.saturating_sub(run.own)));
    let verdict =
        if times.median().saturating_sub(times.noise()) <= *limit { Verdict::Passed } else { Verdict::Failed };
    let found = format!(
        "{} ± {} beyond the {} that the engine takes for itself",
        shown(times.median()),
        shown(times.noise()),
        shown(engine.median())
    );
    let remedy = "do less before the service listens, or raise image.max_start_beyond_engine";
    Row::new("own", verdict, found, remedy).allowing(format!("at most {limit}"))
}

/// Starts it again and again; one start that takes too long is enough.
fn measure(trial: &Trial<'_>, guise: &Guise<'_>, limit: Duration) -> anyhow::Result<Vec<Measured>> {
    trial.make(&[(COLOUR, Launched { environment: guise.name.to_owned(), ..Launched::default() })])?;
    let mut runs = Vec::new();
    while runs.len() < RUNS && runs.last().is_none_or(|run: &Measured| run.whole <= limit) {
        trial.require_wanted()?;
        runs.push(start(trial, limit * PATIENCE)?);
        trial.end(COLOUR)?;
    }
    Ok(runs)
}

fn start(trial: &Trial<'_>, patience: Duration) -> anyhow::Result<Measured> {
    let began = Instant::now();
    let mut starting = Some(trial.start_meanwhile(COLOUR));
    // Asked from the beginning: it may be up before the engine's command has returned.
    let mut up = false;
    while !up && starting.as_ref().is_some_and(|starting| !starting.is_finished()) {
        up = trial.probe(COLOUR).is_good();
    }
    if !up {
        join(&mut starting)?;
        await_ready(trial, COLOUR, began, patience)?;
    }
    let whole = began.elapsed();
    // By the engine's clock, which may be another than this machine's.
    let now = trial.now()?;
    let asking = asking(trial)?;
    join(&mut starting)?;
    match trial.state(COLOUR)? {
        State::Running(since) => {
            let own = now.duration_since(since).unwrap_or_default().saturating_sub(asking);
            Ok(Measured { whole, own })
        }
        State::Ended { how, .. } => bail!("answered well and ended with {how}"),
    }
}

/// Waits for the engine's command, once.
fn join(starting: &mut Option<JoinHandle<anyhow::Result<()>>>) -> anyhow::Result<()> {
    let joined = starting.take().map(|starting| starting.join().map_err(|_| anyhow!("starting it has failed"))?);
    joined.unwrap_or(Ok(()))
}

/// What it takes to ask one that is up, and the time after it, which is no part of its start.
fn asking(trial: &Trial<'_>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    trial.probe(COLOUR);
    trial.now()?;
    Ok(began.elapsed())
}

/// Asks until the answer is good.
///
/// # Errors
/// When it is not in time, or the service has ended: with the last answer, and what it has written.
pub(super) fn await_ready(trial: &Trial<'_>, colour: Colour, began: Instant, patience: Duration) -> anyhow::Result<()> {
    let deadline = began + patience;
    let mut look = Instant::now() + LOOK;
    loop {
        trial.require_wanted()?;
        let probe = trial.probe(colour);
        if probe.is_good() {
            return Ok(());
        }
        // That takes long, and meanwhile nobody asks.
        if Instant::now() < look.min(deadline) {
            continue;
        }
        look = Instant::now() + LOOK;
        let ended = match trial.state(colour)? {
            State::Ended { how, .. } => Some(format!("ended with {how}")),
            State::Running(_) if Instant::now() >= deadline => {
                Some(format!("not ready within {}; the last answer: {probe}", shown(patience)))
            }
            State::Running(_) => None,
        };
        if let Some(how) = ended {
            bail!("{how}; its last lines: {}", last_lines(trial, colour));
        }
    }
}

/// What it has written last, in one line.
pub(super) fn last_lines(trial: &Trial<'_>, colour: Colour) -> String {
    let lines = trial.log_tail(colour, LINES);
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
}

fn shown(time: Duration) -> String {
    humantime::format_duration(Duration::from_millis(time::millis(time))).to_string()
}

/// Several times of the same thing, in order.
struct Times(Vec<Duration>);

impl Times {
    fn of(times: impl Iterator<Item = Duration>) -> Times {
        let mut times: Vec<_> = times.collect();
        times.sort();
        Times(times)
    }

    /// The one that a share of the others, in quarters, is below.
    fn quartile(&self, quarters: usize) -> Duration {
        let place = self.0.len().saturating_sub(1) * quarters / 4;
        self.0.get(place).copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.quartile(2)
    }

    fn slowest(&self) -> Duration {
        self.quartile(4)
    }

    /// Half of what the middle half of them is spread over.
    fn noise(&self) -> Duration {
        (self.quartile(3) - self.quartile(1)) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(own: [u64; 5]) -> Vec<Measured> {
        let millis = Duration::from_millis;
        own.iter().map(|own| Measured { whole: millis(own + 300), own: millis(*own) }).collect()
    }

    fn guise() -> Guise<'static> {
        Guise::of("production")
    }

    #[test]
    fn the_slowest_start_is_held_against_the_limit() {
        let runs = runs([10, 4700, 30, 20, 40]);
        let row = whole(&runs, Span::secs(5), &guise());
        assert_eq!(row.found, "5s to the first good answer; median 330ms of 5, as production");
        assert_eq!((row.verdict, row.allowed.as_str()), (Verdict::Passed, "at most 5s"));
        assert_eq!(whole(&runs, Span::millis(4_999), &guise()).verdict, Verdict::Failed);
    }

    #[test]
    fn its_own_part_is_held_against_its_limit_less_what_it_varies_by() {
        let runs = runs([90, 130, 110, 100, 900]);
        let row = beyond(&runs, Span::millis(95));
        assert_eq!(row.found, "110ms ± 15ms beyond the 300ms that the engine takes for itself");
        assert_eq!((row.verdict, row.allowed.as_str()), (Verdict::Passed, "at most 95ms"));
        assert_eq!(beyond(&runs, Span::millis(94)).verdict, Verdict::Failed);
    }
}
