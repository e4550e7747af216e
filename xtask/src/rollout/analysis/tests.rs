//! The rules, one table each.

use super::*;
use crate::rollout::latency::Latency;

/// Requests, errors, and answers that take 5 ms and 200 ms, a number of each.
#[derive(Clone, Copy)]
struct Colours(u64, u64, u64, u64);

fn counters(Colours(requests, errors, fast, slow): Colours) -> Counters {
    let mut latency = Latency::default();
    (latency.0[2], latency.0[7]) = (fast, slow);
    Counters {
        attempts: requests,
        answers: requests - errors,
        failures: errors,
        latency,
        counted_by: 1,
        ..Counters::default()
    }
}

fn judged(policy: &str, candidate: Colours, active: Colours) -> Judgement {
    let nothing = counters(Colours(0, 0, 0, 0));
    let before = PerColour { blue: nothing, green: nothing };
    let after = PerColour { blue: counters(active), green: counters(candidate) };
    judge(&before, &after, Colour::Green, &toml::from_str(policy).unwrap())
}

fn failing(requests: u64, errors: u64) -> Colours {
    Colours(requests, errors, 0, 0)
}

fn slow(requests: u64, slow: u64) -> Colours {
    Colours(requests, 0, requests - slow, slow)
}

const NO_ACTIVE: Colours = Colours(0, 0, 0, 0);

#[test]
fn errors_are_held_against_the_ceiling_as_far_as_they_prove_something() {
    let table = [
        ((0, 0), Verdict::Inconclusive),
        ((49, 1), Verdict::Inconclusive),
        ((49, 9), Verdict::Inconclusive),
        ((49, 10), Verdict::Fail),
        ((9, 9), Verdict::Inconclusive),
        ((10, 10), Verdict::Fail),
        ((50, 0), Verdict::Pass),
        ((100, 1), Verdict::Pass),
        ((100, 2), Verdict::Inconclusive),
        ((100, 7), Verdict::Fail),
        ((100_000, 1_000), Verdict::Pass),
        ((100_000, 1_050), Verdict::Inconclusive),
        ((100_000, 1_150), Verdict::Fail),
    ];
    for ((requests, errors), expected) in table {
        let judgement = judged("", failing(requests, errors), NO_ACTIVE);
        assert_eq!(judgement.verdict, expected, "{errors} of {requests}: {judgement}");
    }
}

#[test]
fn errors_are_held_against_the_active_colours() {
    let policy = "max_error_rate = 1.0\nmax_error_increase = 0.01";
    let table = [
        ((1000, 20), (1000, 20), Verdict::Pass),
        ((1000, 30), (1000, 20), Verdict::Pass),
        ((1000, 40), (1000, 20), Verdict::Inconclusive),
        ((1000, 80), (1000, 20), Verdict::Fail),
        ((1000, 80), (1000, 70), Verdict::Pass),
        ((1000, 80), (49, 0), Verdict::Pass),
        ((49, 9), (1000, 0), Verdict::Inconclusive),
        ((1000, 0), (1000, 500), Verdict::Pass),
    ];
    for ((requests, errors), (active, active_errors), expected) in table {
        let judgement = judged(policy, failing(requests, errors), failing(active, active_errors));
        assert_eq!(judgement.verdict, expected, "{errors} of {requests}: {judgement}");
    }
}

#[test]
fn slow_answers_are_held_against_the_active_colours() {
    let table = [
        (slow(1000, 30), slow(1000, 30), Verdict::Pass),
        (slow(1000, 80), slow(1000, 40), Verdict::Pass),
        (slow(1000, 110), slow(1000, 40), Verdict::Inconclusive),
        (slow(1000, 200), slow(1000, 40), Verdict::Fail),
        // What is slow for the active colour itself is not held against the candidate.
        (slow(1000, 1000), slow(1000, 60), Verdict::Pass),
        (slow(1000, 1000), slow(49, 0), Verdict::Pass),
        (slow(49, 49), slow(1000, 0), Verdict::Inconclusive),
    ];
    for (candidate, active, expected) in table {
        let judgement = judged("", candidate, active);
        assert_eq!(judgement.verdict, expected, "{} of {}: {judgement}", candidate.3, candidate.0);
    }
}

#[test]
fn a_candidate_that_hangs_is_not_taken_for_one_without_requests() {
    let before = PerColour::default();
    let hanging = |open: u64| Counters { attempts: open, open, ..Counters::default() };
    let blue = Counters { attempts: 1000, open: 3, answers: 997, ..Counters::default() };
    let verdict = |green| judge(&before, &PerColour { blue, green }, Colour::Green, &AnalysisPolicy::default()).verdict;
    assert_eq!(verdict(hanging(49)), Verdict::Inconclusive);
    assert_eq!(verdict(hanging(50)), Verdict::Fail);
    assert_eq!(verdict(Counters { answers: 100, ..hanging(100) }), Verdict::Inconclusive);
}

#[test]
fn what_is_within_the_floor_is_fast_however_fast_the_active_colour_is() {
    let mut quick = counters(failing(1000, 0));
    quick.latency.0[0] = 1000;
    let mut slower = counters(failing(1000, 0));
    slower.latency.0[2] = 1000;
    let before = PerColour { blue: counters(NO_ACTIVE), green: counters(NO_ACTIVE) };
    let after = PerColour { blue: quick, green: slower };
    for (floor, expected) in [("5ms", Verdict::Pass), ("2ms", Verdict::Fail), ("1ms", Verdict::Fail)] {
        let policy = toml::from_str(&format!("latency_floor = \"{floor}\"")).unwrap();
        assert_eq!(judge(&before, &after, Colour::Green, &policy).verdict, expected, "{floor}");
    }
}

#[test]
fn a_ceiling_for_latency_needs_nobody_to_compare_with() {
    let policy = "max_latency = \"100ms\"";
    let table = [(0, Verdict::Pass), (50, Verdict::Pass), (60, Verdict::Inconclusive), (100, Verdict::Fail)];
    for (number, expected) in table {
        let judgement = judged(policy, slow(1000, number), NO_ACTIVE);
        assert_eq!(judgement.verdict, expected, "{judgement}");
    }
    assert_eq!(judged("max_latency = \"250ms\"", slow(1000, 1000), NO_ACTIVE).verdict, Verdict::Pass);
}

#[test]
fn a_design_effect_asks_for_more_evidence() {
    let (candidate, active) = (failing(1000, 25), failing(1000, 2));
    assert_eq!(judged("design_effect = 1", candidate, active).verdict, Verdict::Fail);
    assert_eq!(judged("design_effect = 4", candidate, active).verdict, Verdict::Inconclusive);
}

#[test]
fn the_gravest_finding_decides_and_is_told_with_its_numbers() {
    let judgement = judged("", Colours(577, 26, 400, 177), Colours(5190, 4, 5000, 190));
    assert_eq!(
        judgement.to_string(),
        "fail: 26 of 577 requests failed, more than the 1 % that may (99 % interval 2.25 % to 8.8 %)"
    );
    let judgement = judged("max_error_rate = 0.1", Colours(577, 26, 400, 177), Colours(5190, 4, 5000, 190));
    assert!(
        judgement
            .reason
            .starts_with("26 of 577 requests failed, 4 of the active colour's 5190: 4.43 % more, where 0.1 % may be"),
        "{judgement}"
    );
    let judgement = judged("", Colours(577, 1, 400, 177), Colours(5190, 4, 5000, 190));
    assert!(
        judgement
            .reason
            .starts_with("177 of 577 answers took longer than 5ms, 190 of the active colour's 5190: 27.02 % more"),
        "{judgement}"
    );
    let rules: Vec<_> = judgement.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::MaxErrorRate, Rule::MaxErrorIncrease, Rule::Waiting, Rule::MaxSlowIncrease]);
    let judgement = judged("", slow(1000, 30), slow(9000, 200));
    assert_eq!(
        judgement.to_string(),
        "pass: 0 of 1000 requests failed, 0 of the active colour's 9000; 30 of 1000 answers took longer than 5ms, 200 of the \
         active colour's 9000"
    );
    let judgement = judged("", slow(1000, 30), slow(49, 0));
    assert_eq!(
        judgement.to_string(),
        "pass: 0 of 1000 requests failed, 1 % may; not compared with the active colour, which had 49 requests"
    );
    let judgement = judged("", slow(12, 0), slow(1000, 0));
    assert_eq!(judgement.to_string(), "inconclusive: 12 requests, and nothing is concluded from fewer than 50");
}

#[test]
fn a_proxy_that_counts_anew_is_an_error_and_never_a_pass() {
    let policy = AnalysisPolicy::default();
    let before = PerColour { blue: counters(slow(100, 0)), green: counters(slow(100, 0)) };
    let good = counters(slow(1000, 0));
    for (blue, green) in [
        (counters(slow(99, 0)), good),
        (good, counters(slow(99, 0))),
        (good, Counters { counted_by: 2, ..good }),
        (good, Counters { latency: Latency::default(), ..good }),
    ] {
        let judgement = judge(&before, &PerColour { blue, green }, Colour::Green, &policy);
        assert_eq!(judgement.verdict, Verdict::Error, "{judgement}");
    }
}
