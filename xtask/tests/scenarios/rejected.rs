//! Bad candidates: rejected under load, nothing lost, and the message says all there is to know.

use crate::support::{Fixture, On, Ran, eventually, on_both};

on_both! {
    a_candidate_that_never_becomes_ready,
    a_window_in_which_the_proxy_was_reloaded_is_an_error_and_begins_anew,
    a_candidate_that_dies_at_its_start,
    a_candidate_that_answers_500,
    at_most_ten_lines_of_the_candidates_log_are_shown,
    a_candidate_that_fails_some_of_its_requests_is_judged_and_taken_back,
    a_candidate_that_is_slower_than_the_active_colour_is_taken_back,
    a_candidate_may_fail_as_often_as_the_active_colour_and_not_more,
    a_candidate_that_is_killed_while_it_bakes_costs_nothing_and_is_taken_back,
    a_release_that_refuses_its_configuration_is_not_started,
}

fn deploy_bad(on: On, set: &str, during: &str) -> (Fixture, Ran) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"2s\"\nstartup_timeout = \"2s\"");
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "bad", &["--set", set]);
    load.wait_for(500);
    let tally = load.stop();
    tally.assert_nothing_lost(during);
    assert_eq!(tally.by_release.keys().collect::<Vec<_>>(), ["v1"], "a rejected candidate served somebody");
    let status = fixture.status();
    assert_eq!((&status["active"], &status["split"]["blue"]), (&"blue".into(), &100.into()));
    assert_eq!(status["colours"]["green"]["state"], "stopped");
    (fixture, ran)
}

fn a_candidate_that_never_becomes_ready(on: On) {
    let (_fixture, ran) = deploy_bad(on, "faults.never_ready=true", "a deploy that is never ready");
    let ran =
        ran.refused(1, &["not ready within 2s", "last probe: HTTP 503", "never_ready", "its last lines:", "listening"]);
    assert!(ran.stderr.contains("All traffic is on blue (v1), as before."), "{}", ran.stderr);
    assert!(ran.stderr.contains("next: cargo xtask logs green"), "{}", ran.stderr);
}

fn a_candidate_that_dies_at_its_start(on: On) {
    let (fixture, ran) = deploy_bad(on, "faults.crash_after=0s", "a deploy that dies at start");
    ran.refused(1, &["ended with exit code 1", "last probe: no answer", "crash_after", "next: cargo xtask logs green"]);
    let logs = fixture.run(&["logs", "green"]).ok().stdout;
    let last = if on == On::Process { "shim: ended with exit code 1" } else { "crash_after" };
    assert!(logs.contains(last), "{logs}");
}

fn a_candidate_that_answers_500(on: On) {
    let (_fixture, ran) = deploy_bad(on, "faults.error_rate=1.0", "a deploy that answers 500");
    ran.refused(1, &["smoke-test green", "HTTP 500", "last probe: HTTP 200", "its last lines:"]);
}

fn at_most_ten_lines_of_the_candidates_log_are_shown(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"2s\"\nstartup_timeout = \"2s\"");
    fixture.release("up", "v1", &[]).ok();
    let ran =
        fixture.release("deploy-blue-green", "bad", &["--set", "faults.never_ready=true", "--set", "log.level=debug"]);
    let shown = ran.stderr.lines().skip_while(|line| !line.contains("its last lines:")).skip(1);
    assert_eq!(shown.take_while(|line| line.starts_with("  | ")).count(), 10, "{}", ran.stderr);
}

fn a_candidate_that_fails_some_of_its_requests_is_judged_and_taken_back(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("smoke = [\"/\", \"/api/v1/info\"]", "smoke = []");
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "bad", &["--set", "faults.error_rate=0.3"]);
    let tally = load.stop();
    ran.refused(1, &["verdict  fail:", "more than the 1 % that may", "All traffic is on blue (v1)"]);
    assert!(tally.failures.iter().all(|failure| failure.contains("status 500")), "{:?}", tally.failures);
    // A tenth of the traffic for two seconds, and three tenths of that: the rest of it never saw the candidate.
    assert!(tally.failures.len() * 10 < tally.sent.try_into().unwrap(), "{} of {}", tally.failures.len(), tally.sent);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

fn a_candidate_that_is_slower_than_the_active_colour_is_taken_back(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "slow", &["--set", "faults.latency=60ms"]);
    let tally = load.stop();
    let ran =
        ran.refused(1, &["verdict  fail:", "answers took longer than", "All traffic is on blue (v1), as before."]);
    let verdict = ran.stderr.lines().find(|line| line.contains("verdict")).unwrap();
    for part in [" of the active colour's ", " more, where 5 % may be (99 % interval "] {
        assert!(verdict.contains(part), "{verdict}");
    }
    println!("{verdict}");
    tally.assert_nothing_lost("a deploy that is slower");
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

fn a_candidate_may_fail_as_often_as_the_active_colour_and_not_more(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("smoke = [\"/\", \"/api/v1/info\"]", "smoke = []");
    fixture.edit_delivery("bake = \"2s\"", "bake = \"1s\"\nanalysis.max_error_rate = 0.9");
    fixture.release("deploy-blue-green", "v1", &["--set", "faults.error_rate=0.04"]).ok();
    let load = fixture.load_beside_two();
    fixture.release("deploy-blue-green", "v2", &["--set", "faults.error_rate=0.04"]).ok();
    let ran = fixture.release("deploy-blue-green", "bad", &["--set", "faults.error_rate=0.5"]);
    let tally = load.stop();
    ran.refused(
        1,
        &["requests failed,", "of the active colour's", "more, where 0.1 % may be", "All traffic is on green (v2)"],
    );
    assert!(tally.failures.iter().all(|failure| failure.contains("status 500")), "{:?}", tally.failures);
    assert_eq!(fixture.status()["split"]["green"], 100);
}

fn a_candidate_that_is_killed_while_it_bakes_costs_nothing_and_is_taken_back(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("{ set_weight = 10 }, { set_weight = 50 }", "{ set_weight = 10 }");
    fixture.edit_delivery("bake = \"2s\"", "bake = \"10s\"");
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    fixture.kill(fixture.pid("green").unwrap());
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    ran.refused(1, &["watch green", "signal 9 (SIGKILL)", "All traffic is on blue (v1)"]);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

fn a_release_that_refuses_its_configuration_is_not_started(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let ran = fixture.release("deploy-blue-green", "bad", &["--set", "server.prot=1"]);
    ran.refused(78, &["release bad refuses its configuration", "APP__SERVER__PROT", "nothing was started"]);
    assert_eq!(fixture.status()["colours"]["green"]["state"], "absent");
}

fn a_window_in_which_the_proxy_was_reloaded_is_an_error_and_begins_anew(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    let before = fixture.proxy_worker().unwrap();
    fixture.ask_proxy("master.sock", "reload");
    eventually("a new worker serves", || fixture.proxy_worker().is_some_and(|worker| worker != before));
    let ran = Ran::from(deploy.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("verdict  error: the proxy began to count anew"), "{}", ran.stderr);
    assert_eq!(fixture.status()["split"]["green"], 100);
}
