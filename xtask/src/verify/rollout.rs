//! A4: what deploys and rollbacks under load have shown, as processes and, where an engine answers, in containers too.

use std::time::Duration;

use super::measured::Measured;
use super::rehearsal::{RATE, Rehearsal, Share};
use super::verdict::{Short, Shown, none_of, require};
use crate::delivery::RuntimeChoice;

/// The longest a rollback may take.
const ROLLBACK: Duration = Duration::from_secs(5 * 60);
/// The least part of what should have been sent that has to have been: a load that stands still meets nothing.
const FLOOR: f64 = 0.25;
/// The fewest answers from which a share is read.
const ANSWERS: u64 = 200;
/// How many standard errors a share may be from what was set: one in ten thousand is further off by chance.
const ERRORS: f64 = 4.0;
/// The exit code of a deploy that was taken back.
const TAKEN_BACK: i32 = 1;

/// Not one request fails from the first deploy to the last rollback.
pub(super) fn zero_downtime(measured: &Measured<'_>) -> Shown {
    everywhere(measured, |it| {
        let failures = it.failures.iter().take(3).cloned();
        let failed = format!("{} of {} requests failed", it.failures.len(), it.sent);
        none_of(if it.failures.is_empty() { Vec::new() } else { std::iter::once(failed).chain(failures).collect() })?;
        let floor = (it.under_load.as_secs_f64() * f64::from(RATE) * FLOOR) as u64;
        require(it.sent >= floor, || format!("only {} requests were sent, and {floor} are the least", it.sent))?;
        Ok(format!("0 of {} requests failed, {floor} being the least that counts", it.sent))
    })
}

/// Each step gives the candidate the share that was set.
pub(super) fn gradual(measured: &Measured<'_>) -> Shown {
    everywhere(measured, |it| {
        if it.shares.is_empty() {
            return Err(Short::unknown(
                "service.health.release_header does not name what answers tell their release by",
            ));
        }
        none_of(it.shares.iter().filter_map(Share::deviation).collect())?;
        let weights: Vec<_> = it.shares.iter().map(|share| share.weight).collect();
        let is_gradual = weights.len() >= 3 && weights.is_sorted() && weights.last() == Some(&100);
        require(is_gradual, || format!("the shares were {weights:?}"))?;
        let shares: Vec<_> = it.shares.iter().map(Share::told).collect();
        Ok(format!("{} of the answers by the candidate", shares.join(", ")))
    })
}

/// Nothing is given to a candidate that is not ready.
pub(super) fn gated(measured: &Measured<'_>) -> Shown {
    everywhere(measured, |it| {
        require(it.was_ready_first, || "a candidate was given traffic before it was ready and smoke-tested".into())?;
        let rejected = it.rejected.as_ref().ok_or_else(|| {
            Short::unknown("service.args and service.env name no {port}: no release can be made that listens elsewhere")
        })?;
        let mut found = Vec::new();
        if rejected.code != Some(TAKEN_BACK) {
            found.push(format!("the deploy of a release that never becomes ready ended with {:?}", rejected.code));
        }
        if rejected.splits > 0 || rejected.answers > 0 {
            found.push(format!("it was given traffic {} times, and answered {}", rejected.splits, rejected.answers));
        }
        if !rejected.active_stays {
            found.push("what served before it does not serve after".into());
        }
        none_of(found)?;
        let reason = rejected.reason.lines().next().unwrap_or_default();
        Ok(format!("a release that never becomes ready got 0 requests and was taken back: {reason}"))
    })
}

/// A rollback takes less than five minutes, to a colour that runs and to a release that has to be started again.
pub(super) fn rollback(measured: &Measured<'_>) -> Shown {
    everywhere(measured, |it| {
        let slowest = it.warm.max(it.cold);
        require(slowest < ROLLBACK, || format!("a rollback took {slowest:.1?}"))?;
        Ok(format!("{} ms while warm, {} ms when started again", it.warm.as_millis(), it.cold.as_millis()))
    })
}

/// From nothing to a service behind its proxy, by one command.
pub(super) fn set_up(measured: &Measured<'_>) -> Shown {
    everywhere(measured, |it| Ok(format!("`up` serves from nothing after {:.1} s", it.setup.as_secs_f64())))
}

/// The whole of it in containers.
pub(super) fn in_containers(measured: &Measured<'_>) -> Shown {
    let it = measured.on_compose()?;
    let deploys = 2 + usize::from(it.rejected.is_some());
    Ok(vec![format!("{deploys} deploys and 2 rollbacks in containers, {} requests meanwhile", it.sent)])
}

/// Judges what was seen as processes, and in containers where they can be had.
fn everywhere(measured: &Measured<'_>, judge: impl Fn(&Rehearsal) -> Result<String, Short>) -> Shown {
    let told = |it: &Rehearsal| {
        let place = if it.runtime == RuntimeChoice::Compose { "containers" } else { "processes" };
        judge(it).map(|shown| format!("{place}: {shown}")).map_err(|short| short.in_place(place))
    };
    let mut evidence = vec![told(measured.on_process()?)?];
    match measured.on_compose() {
        Ok(it) => evidence.push(told(it)?),
        // Whether there are any is for another criterion to say.
        Err(Short::Unknown(why)) => evidence.push(format!("containers: not here, as {why}")),
        Err(missed) => return Err(missed.in_place("containers")),
    }
    Ok(evidence)
}

impl Short {
    fn in_place(self, place: &str) -> Short {
        match self {
            Short::Missed(found) => Short::Missed(found.into_iter().map(|it| format!("{place}: {it}")).collect()),
            Short::Unknown(why) => Short::Unknown(format!("{place}: {why}")),
        }
    }
}

impl Share {
    fn seen(&self) -> f64 {
        self.of_candidate as f64 / self.answers.max(1) as f64
    }

    fn told(&self) -> String {
        format!("{:.1} % at {} %", self.seen() * 100.0, self.weight)
    }

    /// How it is not what was set, where it is not.
    fn deviation(&self) -> Option<String> {
        if self.answers < ANSWERS {
            return Some(format!("only {} answers at {} %, and {ANSWERS} are the least", self.answers, self.weight));
        }
        let set = f64::from(self.weight) / 100.0;
        let error = (set * (1.0 - set) / self.answers as f64).sqrt();
        let is_off = (self.seen() - set).abs() > ERRORS * error;
        is_off.then(|| format!("{} of {} answers", self.told(), self.answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_off_beyond_what_chance_explains() {
        let deviation = |weight, answers, of_candidate| Share { weight, answers, of_candidate }.deviation();
        // Of 800, 10 % are 80 give or take 8.5.
        assert_eq!(deviation(10, 800, 80), None);
        assert_eq!(deviation(10, 800, 113), None);
        assert_eq!(deviation(10, 800, 115).unwrap(), "14.4 % at 10 % of 800 answers");
        assert!(deviation(10, 800, 45).is_some());
        assert_eq!(deviation(100, 800, 800), None);
        assert!(deviation(100, 800, 799).is_some(), "with everything, one answer of another is one too many");
        assert!(deviation(50, 199, 100).unwrap().starts_with("only 199 answers"));
    }
}
