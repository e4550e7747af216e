//! The limits and the hardening of a colour: that they are configured, that the kernel has them, and that they hold.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::kernel::{self, Kernel};
use super::row::{Row, Verdict};
use super::running::Guise;
use super::start::{await_ready, last_lines};
use crate::problem::reason;
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::runtime::compose::resolved::{Limits, Resolved};
use crate::runtime::compose::stack::Stack;
use crate::runtime::compose::trial::{Launched, State, Trial};
use crate::size::Size;

/// The one that wants too much, and the one beside it.
const GREEDY: Colour = Colour::Blue;
const NEIGHBOUR: Colour = Colour::Green;
/// By how much more than it may have it tries to take.
const TOO_MUCH: u64 = 2;
/// How long a service may take to come up, and to meet its limit.
const PATIENCE: Duration = Duration::from_secs(30);
/// The environment's limits are in the Compose file, which gives them to whatever runs.
const FILE_REMEDY: &str = "give the service `deploy.resources.limits` with memory, cpus and pids in the Compose file";

/// Whether every service of the Compose file has limits.
pub(super) fn configured(stack: &Stack) -> Row {
    match stack.resolve() {
        Ok(resolved) => {
            let lacking = resolved.lacking();
            let verdict = if lacking.is_empty() { Verdict::Passed } else { Verdict::Failed };
            let found = match lacking.as_slice() {
                [] => format!("memory, cpus and pids of {} services", resolved.services()),
                lacking => lacking.join(", "),
            };
            Row::new("limits", verdict, found, FILE_REMEDY)
        }
        Err(error) => Row::new("limits", Verdict::Failed, reason(&error), "cargo xtask config-lint says what is wrong"),
    }
}

/// What the kernel has of one that runs, and what becomes of one that takes too much.
pub(super) fn rows(trial: &Trial<'_>, guise: &Guise<'_>, project: &Project) -> Vec<Row> {
    let seen = trial.resolved().and_then(|resolved| look(trial, guise, &resolved));
    let mut rows = match seen {
        Ok((kernel, limits)) => vec![held(&kernel, &limits), hardened(&kernel)],
        Err(error) => vec![Row::new("kernel", Verdict::Failed, format!("{error:#}"), FILE_REMEDY)],
    };
    if let Some(setting) = &project.delivery.service.allocate_setting {
        rows.push(memory(trial, guise, project, setting));
    }
    rows
}

/// Starts it, and looks at what the kernel has of it.
fn look(trial: &Trial<'_>, guise: &Guise<'_>, resolved: &Resolved) -> anyhow::Result<(Kernel, Limits)> {
    let limits = resolved.limits_of(NEIGHBOUR).context("it lacks limits")?;
    trial.make(&[(NEIGHBOUR, Launched { environment: guise.name.to_owned(), ..Launched::default() })])?;
    trial.start(NEIGHBOUR)?;
    await_ready(trial, NEIGHBOUR, Instant::now(), PATIENCE)?;
    Ok((Kernel::parse(&trial.beside(NEIGHBOUR, kernel::SCRIPT)?), limits))
}

fn held(kernel: &Kernel, limits: &Limits) -> Row {
    let cpus_agree = kernel.cpus.is_some_and(|cpus| (cpus - limits.cpus).abs() < 0.01);
    let held = kernel.memory == Some(limits.memory) && cpus_agree && kernel.pids == Some(limits.pids);
    let verdict = if held { Verdict::Passed } else { Verdict::Failed };
    let wanted = format!("{}, {} cpus, {} pids", Size::from(limits.memory), limits.cpus, limits.pids);
    let found = if held { format!("it holds {wanted}") } else { format!("it holds {kernel}, and not {wanted}") };
    Row::new("kernel", verdict, found, "let the engine limit what it runs: `docker info` warns of what it cannot")
}

fn hardened(kernel: &Kernel) -> Row {
    let open = kernel.open();
    let verdict = if open.is_empty() { Verdict::Passed } else { Verdict::Failed };
    let found = match open.as_slice() {
        [] => format!("user {}, no capability, no new privileges, a read-only root", kernel.user_in_words()),
        open => open.join(", "),
    };
    let remedy = "give it `read_only`, `cap_drop: [ALL]` and `no-new-privileges` in the Compose file, and a USER";
    Row::new("locked", verdict, found, remedy)
}

/// Whether it is ended when it takes more memory than it may, and nobody beside it notices.
fn memory(trial: &Trial<'_>, guise: &Guise<'_>, project: &Project, setting: &str) -> Row {
    let remedy = "give it a memory limit, and no swap beyond it, in the Compose file";
    let Some(rehearsing) = guise.rehearsing(project) else {
        let found = format!("no environment takes {setting}: each is protected or needs secrets of its own");
        return Row::new("memory", Verdict::Skipped, found, remedy);
    };
    match overtake(trial, rehearsing, setting) {
        Ok((limit, asked)) => {
            let limit = Size::from(limit);
            let found = format!("ended by the kernel at {limit}; its neighbour answered {asked} of {asked} meanwhile");
            Row::new("memory", Verdict::Passed, found, remedy)
        }
        Err(error) => Row::new("memory", Verdict::Failed, format!("{error:#}"), remedy),
    }
}

/// Has one take too much beside another; its limit, and how often the other was asked.
fn overtake(trial: &Trial<'_>, environment: &str, setting: &str) -> anyhow::Result<(u64, u32)> {
    let limits = trial.resolved()?.limits_of(GREEDY).context("it lacks limits")?;
    let launched = Launched { environment: environment.to_owned(), ..Launched::default() };
    let too_much = (setting.to_owned(), limits.memory.saturating_mul(TOO_MUCH).to_string());
    let greedy = Launched { settings: [too_much].into(), ..launched.clone() };
    trial.make(&[(GREEDY, greedy), (NEIGHBOUR, launched)])?;
    trial.start(NEIGHBOUR)?;
    await_ready(trial, NEIGHBOUR, Instant::now(), PATIENCE)?;
    trial.start(GREEDY)?;
    let deadline = Instant::now() + PATIENCE;
    let mut asked = 0;
    loop {
        trial.require_wanted()?;
        // Looked at first: the neighbour is asked once more after the other's end.
        let state = trial.state(GREEDY)?;
        for _ in 0..ASKED_AT_A_TIME {
            let probe = trial.probe(NEIGHBOUR);
            anyhow::ensure!(probe.is_good(), "its neighbour did not answer well while it took too much: {probe}");
            asked += 1;
        }
        match state {
            State::Ended { out_of_memory: true, .. } => break,
            State::Ended { how, .. } => {
                bail!("it ended with {how}, and not for want of memory; its last lines: {}", last_lines(trial, GREEDY))
            }
            State::Running(_) if Instant::now() >= deadline => {
                bail!("it took {TOO_MUCH} times the {} it may have, and still runs", Size::from(limits.memory))
            }
            State::Running(_) => {}
        }
    }
    match trial.state(NEIGHBOUR)? {
        State::Running(_) => Ok((limits.memory, asked)),
        State::Ended { how, .. } => bail!("its neighbour ended with {how}"),
    }
}

/// The neighbour is asked more often than the engine is.
const ASKED_AT_A_TIME: u32 = 5;

#[cfg(test)]
mod tests {
    use super::super::kernel::tests::{FIRST, SECOND};
    use super::*;

    const LIMITS: Limits = Limits { memory: 268_435_456, cpus: 1.5, pids: 128 };

    #[test]
    fn what_the_kernel_holds_is_compared_with_what_is_configured() {
        for told in [FIRST, SECOND] {
            let row = held(&Kernel::parse(told), &LIMITS);
            assert_eq!((row.verdict, row.found.as_str()), (Verdict::Passed, "it holds 268.4MB, 1.5 cpus, 128 pids"));
            let row = held(&Kernel::parse(told), &Limits { pids: 64, ..LIMITS });
            assert_eq!(row.found, "it holds 268.4MB, 1.5 cpus, 128 pids, and not 268.4MB, 1.5 cpus, 64 pids");
            assert_eq!(row.verdict, Verdict::Failed);
        }
    }

    #[test]
    fn each_part_of_the_hardening_is_named_when_it_is_missing() {
        assert_eq!(hardened(&Kernel::parse(FIRST)).verdict, Verdict::Passed);
        for (from, to, expected) in [
            ("Uid:\t65532", "Uid:\t0", "root"),
            ("CapEff:\t0000000000000000", "CapEff:\t00000000a80425fb", "capabilities 00000000a80425fb"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "new privileges"),
            ("root ro,", "root rw,", "a root that can be written to"),
        ] {
            let row = hardened(&Kernel::parse(&FIRST.replace(from, to)));
            assert_eq!((row.verdict, row.found.as_str()), (Verdict::Failed, expected));
        }
        assert_eq!(hardened(&Kernel::parse("")).verdict, Verdict::Failed);
    }
}
