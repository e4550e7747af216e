use super::*;
use crate::rollout::analysis::Judgement;
use crate::rollout::policy::Span;
use crate::rollout::record::{Change, Launch};
use crate::rollout::request::Request;

const CANDIDATE: Colour = Colour::Green;
const BAKE: Span = Span::secs(90);

fn launch() -> Launch {
    Launch { release: "v2".into(), settings: Default::default() }
}

/// A rollout in two steps that somebody lets go on after the first.
fn operations() -> Vec<Operation> {
    let split = |weight| Operation::SetSplit { split: Split::giving(CANDIDATE, weight) };
    let (bake, analyse) =
        (Operation::Bake { colour: CANDIDATE, span: BAKE }, Operation::Analyse { colour: CANDIDATE, span: BAKE });
    vec![
        Operation::Start { colour: CANDIDATE, launch: launch() },
        Operation::AwaitReady { colour: CANDIDATE },
        split(10),
        bake.clone(),
        analyse.clone(),
        Operation::Pause { colour: CANDIDATE, span: None },
        split(100),
        bake,
        analyse,
        Operation::Promote { colour: CANDIDATE, launch: launch(), change: Change::Deployed, keep_warm: Some(BAKE) },
    ]
}

/// A rollout as it is told, with the seconds at which it is told.
struct Story {
    display: Display,
    seconds: u64,
}

impl Story {
    fn new(operations: &[Operation]) -> Story {
        let display = Display::new(Some(Split::all(Colour::Blue)), false);
        let story = Story { display, seconds: 0 };
        story.tell(&Event::Planned { goal: "deploy v2".into(), operations: operations.to_vec() })
    }

    /// The same after so many operations have been done, each in a second.
    fn done(count: usize) -> Story {
        let operations = operations();
        operations.iter().take(count).fold(Story::new(&operations), |story, operation| {
            story.started(operation).after(1).tell(&Event::Finished { operation: operation.clone(), millis: 1000 })
        })
    }

    fn begun(number: usize) -> Story {
        Story::done(number - 1).started(&operations()[number - 1])
    }

    fn started(self, operation: &Operation) -> Story {
        self.tell(&Event::Started { operation: operation.clone() })
    }

    fn asked(self, wish: Wish) -> Story {
        let at = self.now();
        self.tell(&Event::Requested { request: Request { wish, by: "me@here".into(), at } })
    }

    fn judged(self, reason: &str, next: Next) -> Story {
        self.tell(&Event::Judged { judgement: Box::new(Judgement::error(reason)), next })
    }

    fn waiting(self, reason: &str) -> Story {
        self.tell(&Event::Waiting { colour: CANDIDATE, reason: reason.into() })
    }

    fn failed(self, operation: &Operation) -> Story {
        self.tell(&Event::Failed { operation: operation.clone(), reason: "it did not work".into() })
    }

    fn tell(mut self, event: &Event) -> Story {
        self.display.apply(event, self.now());
        self
    }

    fn after(self, seconds: u64) -> Story {
        Story { seconds: self.seconds + seconds, ..self }
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds)
    }

    #[track_caller]
    fn shows(&self, expected: &[&str]) {
        assert_eq!(self.display.render(self.now(), 79), expected);
    }
}

#[test]
fn a_candidate_that_comes_up_is_shown_with_what_it_lacks() {
    Story::begun(2).waiting("GET /readyz: no answer: Connection refused (os error 111)").after(3).shows(&[
        "  step 2 of 10: wait until green is ready; GET /readyz: no answer: Connection…",
        "  blue 100 % ████████████████████ green 0 %  4s, at least 3m left",
    ]);
}

#[test]
fn the_next_step_is_shown_without_what_the_last_one_lacked() {
    Story::begun(2)
        .waiting("1 of 3 good probes in a row")
        .tell(&Event::Finished { operation: operations()[1].clone(), millis: 1 })
        .shows(&[
            "  step 3 of 10: split traffic: blue 90 %, green 10 %",
            "  blue 100 % ████████████████████ green 0 %  1s, at least 3m left",
        ]);
}

#[test]
fn a_bake_counts_down_and_at_least_is_said_while_a_person_has_to_come() {
    Story::begun(4).after(25).shows(&[
        "  step 4 of 10: watch green for 1m 30s",
        "  blue 90 % ██████████████████░░ green 10 %  28s, at least 2m 35s left",
    ]);
    Story::begun(8).after(60).shows(&[
        "  step 8 of 10: watch green for 1m 30s",
        "  blue 0 % ░░░░░░░░░░░░░░░░░░░░ green 100 %  1m 7s, 30s left",
    ]);
}

#[test]
fn a_bake_that_lasts_longer_than_it_should_promises_nothing() {
    Story::begun(8)
        .after(95)
        .shows(&["  step 8 of 10: watch green for 1m 30s", "  blue 0 % ░░░░░░░░░░░░░░░░░░░░ green 100 %  1m 42s"]);
}

#[test]
fn the_last_verdict_stays_and_another_window_is_counted_once_it_is_asked_for() {
    let story = Story::begun(9).judged("the proxy was restarted within the window", Next::Anew).after(20);
    story.shows(&[
        "  step 9 of 10: judge the requests of green",
        "  blue 0 % ░░░░░░░░░░░░░░░░░░░░ green 100 %  28s, 1m 10s left",
        "  verdict  error: the proxy was restarted within the window",
    ]);
    let finished = Event::Finished { operation: operations()[8].clone(), millis: 1 };
    story.judged("it was restarted again", Next::GoOn).tell(&finished).started(&operations()[9]).shows(&[
        "  step 10 of 10: promote green, keep blue warm for 1m 30s",
        "  blue 0 % ░░░░░░░░░░░░░░░░░░░░ green 100 %  28s",
        "  verdict  error: it was restarted again",
    ]);
}

#[test]
fn a_pause_without_an_end_names_the_verbs_that_end_it_and_no_time() {
    Story::begun(6).waiting("`resume` to go on").after(3600).shows(&[
        "  step 6 of 10: green held at its share until `resume`, `promote` or `abort`",
        "  blue 90 % ██████████████████░░ green 10 %  1h 5s",
    ]);
}

#[test]
fn a_rollout_that_is_held_names_them_too_until_it_is_resumed() {
    let held = Story::begun(4).asked(Wish::Pause).after(100);
    held.shows(&[
        "  step 4 of 10: green held at its share until `resume`, `promote` or `abort`",
        "  blue 90 % ██████████████████░░ green 10 %  1m 43s",
    ]);
    held.asked(Wish::Resume).shows(&[
        "  step 4 of 10: watch green for 1m 30s",
        "  blue 90 % ██████████████████░░ green 10 %  1m 43s, at least 1m 30s left",
    ]);
    Story::done(2).asked(Wish::Pause).shows(&[
        "  held before step 3 of 10 until `resume`, `promote` or `abort`",
        "  blue 100 % ████████████████████ green 0 %  2s",
    ]);
}

#[test]
fn steps_that_somebody_has_left_out_are_passed_over_and_take_no_time() {
    let skipped = |story: Story, number: usize| story.tell(&Event::Skipped { operation: operations()[number].clone() });
    let story = Story::begun(4).asked(Wish::Promote);
    story.shows(&["  step 4 of 10: watch green for 1m 30s", "  blue 90 % ██████████████████░░ green 10 %  3s"]);
    let story = story.tell(&Event::Finished { operation: operations()[3].clone(), millis: 1 });
    skipped(skipped(story, 4), 5).started(&operations()[6]).shows(&[
        "  step 7 of 10: split traffic: blue 0 %, green 100 %",
        "  blue 90 % ██████████████████░░ green 10 %  3s",
    ]);
}

#[test]
fn what_was_done_is_taken_back_without_a_step_or_a_promise() {
    let story = Story::begun(5).judged("the candidate is slow", Next::Abort).failed(&operations()[4]);
    story.shows(&[
        "  step 5 of 10: judge the requests of green has failed",
        "  blue 90 % ██████████████████░░ green 10 %  4s",
        "  verdict  error: the candidate is slow",
    ]);
    let back = Operation::SetSplit { split: Split::all(Colour::Blue) };
    let story = story.started(&back).tell(&Event::Finished { operation: back, millis: 1 });
    let story = story.started(&Operation::Drain { colour: CANDIDATE }).waiting("3 requests in flight");
    story.shows(&[
        "  taking it back: drain green; 3 requests in flight",
        "  blue 100 % ████████████████████ green 0 %  4s",
        "  verdict  error: the candidate is slow",
    ]);
    story.tell(&Event::Ended { reached: false, active: Some(Colour::Blue) }).shows(&[]);
}

#[test]
fn a_drain_that_fails_does_not_end_a_plan_that_goes_on() {
    let (drain, stop) = (Operation::Drain { colour: Colour::Blue }, Operation::Stop { colour: Colour::Blue });
    let story = Story::new(&[drain.clone(), stop.clone()]).started(&drain).failed(&drain).started(&stop);
    story.shows(&["  step 2 of 2: stop blue", "  blue 100 % ████████████████████ green 0 %  0s"]);
}

#[test]
fn a_plan_that_follows_on_another_begins_anew() {
    let stop = Operation::Stop { colour: CANDIDATE };
    Story::begun(9)
        .judged("of the plan before", Next::GoOn)
        .after(5)
        .tell(&Event::Planned { goal: "recover".into(), operations: vec![stop.clone()] })
        .started(&stop)
        .shows(&["  step 1 of 1: stop green", "  blue 0 % ░░░░░░░░░░░░░░░░░░░░ green 100 %  0s"]);
}

#[test]
fn nothing_is_shown_before_there_is_a_plan_and_where_there_is_nothing_to_do() {
    assert_eq!(Display::new(None, false).render(SystemTime::UNIX_EPOCH, 79), [""; 0]);
    Story::new(&[]).shows(&[]);
}

#[test]
fn no_line_is_wider_than_there_is_room_for() {
    let story = Story::begun(9).judged("a verdict that has a lot to say for itself", Next::Anew).after(1);
    let table: [(usize, &[&str]); 3] = [
        (
            50,
            &[
                "  step 9 of 10: judge the requests of green",
                "  blue 0 % ░░░░░░░░░░ green 100 %  9s, 1m 29s left",
                "  verdict  error: a verdict that has a lot to say…",
            ],
        ),
        (
            40,
            &[
                "  step 9 of 10: judge the requests of g…",
                "  blue 0 % ░░░░░░░░░░ green 100 %  9s",
                "  verdict  error: a verdict that has a…",
            ],
        ),
        (20, &["  step 9 of 10: jud…", "  blue 0 %, green 1…", "  verdict  error: a…"]),
    ];
    for (columns, expected) in table {
        assert_eq!(story.display.render(story.now(), columns), expected);
    }
    for columns in 0..200 {
        for line in story.display.render(story.now(), columns) {
            assert!(width(&line) <= columns, "{line:?} in {columns}");
        }
    }
}
