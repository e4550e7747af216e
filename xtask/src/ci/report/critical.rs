//! Why a run took as long as it did: the steps of which each had to wait for the one before.

use serde::Serialize;

use super::Report;

/// The chain that ends with the step that ended last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CriticalPath {
    /// In the order they ran.
    pub(super) steps: Vec<&'static str>,
    /// What they took together.
    pub(super) seconds: f64,
    /// Their part of the whole run, from 0 to 1.
    pub(super) share: f64,
}

impl CriticalPath {
    /// Of a run that took so many seconds; none of one in which nothing ran.
    pub(super) fn of(reports: &[Report], whole: f64) -> Option<CriticalPath> {
        let ran: Vec<_> = reports.iter().filter(|report| report.log.is_some()).collect();
        let latest = |steps: &mut dyn Iterator<Item = &&'_ Report>| -> Option<usize> {
            let last = steps.max_by(|one, other| one.ended().total_cmp(&other.ended()))?;
            ran.iter().position(|report| report.id == last.id)
        };
        let mut path = vec![ran[latest(&mut ran.iter())?]];
        loop {
            let last = path[path.len() - 1];
            // Steps of no length at the same moment could wait for each other for ever.
            let is_on_it = |step: &Report| path.iter().any(|known| known.id == step.id);
            let earlier = &mut ran.iter().filter(|step| last.had_to_wait_for(step) && !is_on_it(step));
            let Some(place) = latest(earlier) else { break };
            path.push(ran[place]);
        }
        path.reverse();
        let seconds = path.iter().map(|report| report.seconds).sum();
        // A run that took no time to speak of has no part that did.
        let share = if whole > 0.0 { f64::min(seconds / whole, 1.0) } else { 1.0 };
        Some(CriticalPath { steps: path.iter().map(|report| report.id).collect(), seconds, share })
    }
}

impl Report {
    /// Seconds from the beginning of the run to its end.
    fn ended(&self) -> f64 {
        self.began + self.seconds
    }

    /// Whether it began after the other one because of it: since it builds on it, or has no room beside it.
    fn had_to_wait_for(&self, other: &Report) -> bool {
        let is_bound = self.after.contains(&other.id) || self.lane.excludes(other.lane);
        is_bound && other.ended() <= self.began
    }
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::ci::report::testing::ran;
    use crate::ci::step::{Lane, Step, USUAL};

    const FORMAT: Step = Step { id: "format", lane: Lane::Beside, ..USUAL };
    const SCRIPTS: Step = Step { id: "scripts", lane: Lane::Beside, ..USUAL };
    const BUILD: Step = Step { id: "build", ..USUAL };
    const TEST: Step = Step { id: "test", after: &["build"], ..USUAL };
    const AUDIT: Step = Step { id: "audit", lane: Lane::Beside, after: &["scripts"], ..USUAL };
    const LOAD: Step = Step { id: "load", lane: Lane::Alone, ..USUAL };

    #[test]
    fn it_goes_back_from_the_last_step_by_what_each_had_to_wait_for() {
        type Ran<'a> = &'a [(&'a Step, f64, f64)];
        let table: &[(Ran<'_>, &[&str], f64)] = &[
            (&[(&FORMAT, 0.0, 1.0), (&BUILD, 0.0, 5.0), (&TEST, 5.0, 4.0)], &["build", "test"], 9.0),
            // What runs beside it is not waited for, however long it takes.
            (&[(&FORMAT, 0.0, 6.0), (&BUILD, 0.0, 5.0), (&TEST, 6.0, 4.0)], &["build", "test"], 9.0),
            (&[(&SCRIPTS, 0.0, 2.0), (&AUDIT, 2.0, 7.0), (&BUILD, 0.0, 5.0)], &["scripts", "audit"], 9.0),
            // What has to be alone waits for everything, most of all for what ends last.
            (&[(&FORMAT, 0.0, 6.0), (&BUILD, 0.0, 5.0), (&LOAD, 6.0, 4.0)], &["format", "load"], 10.0),
            (&[(&LOAD, 0.0, 3.0), (&FORMAT, 3.0, 1.0)], &["load", "format"], 4.0),
            // What begins after a step is nothing that step has waited for.
            (
                &[(&FORMAT, 3.0, 6.0), (&SCRIPTS, 0.0, 2.0), (&BUILD, 3.0, 2.0), (&LOAD, 2.0, 1.0)],
                &["scripts", "load", "format"],
                9.0,
            ),
            (&[(&FORMAT, 0.0, 1.0)], &["format"], 1.0),
        ];
        for (steps, path, seconds) in table {
            let reports: Vec<_> = steps.iter().map(|(step, began, seconds)| ran(step, *began, *seconds)).collect();
            let found = CriticalPath::of(&reports, 10.0).unwrap();
            assert_eq!((&found.steps[..], found.seconds, found.share), (*path, *seconds, seconds / 10.0));
        }
    }

    #[test]
    fn a_run_in_which_nothing_ran_has_none() {
        assert_eq!(CriticalPath::of(&[], 1.0), None);
        let skipped = Report::of(&FORMAT, crate::ci::report::Verdict::Skipped);
        assert_eq!(CriticalPath::of(&[skipped], 1.0), None);
    }
}
