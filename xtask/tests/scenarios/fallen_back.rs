//! A proxy that has fallen back to the warm colour, and what is done meanwhile.

use crate::support::{Fixture, On, eventually, on_both};

on_both! {
    a_deploy_while_the_proxy_has_fallen_back_keeps_the_colour_that_serves,
    a_rollback_while_the_proxy_has_fallen_back_needs_no_start_however_late_it_comes,
    recover_makes_official_what_the_proxy_has_fallen_back_to,
}

/// v2 is active and hangs, so that the proxy has fallen back to v1, which is warm.
fn fallen_back(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"\ndrain_timeout = \"2s\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    fixture.signal(fixture.pid("green").unwrap(), rustix::process::Signal::STOP);
    eventually("the proxy has fallen back", || {
        fixture.run(&["status"]).ok().stdout.contains("green is down: the proxy falls back to blue")
    });
}

fn a_deploy_while_the_proxy_has_fallen_back_keeps_the_colour_that_serves(on: On) {
    let fixture = Fixture::beside_two(on);
    fallen_back(&fixture);
    let load = fixture.load_beside_two();
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    load.stop().assert_nothing_lost("a deploy while the active colour hangs");
    let status = fixture.status();
    assert_eq!(
        (&status["colours"]["green"]["release"], &status["active"]),
        (&"v3".into(), &"green".into()),
        "{status}"
    );
    assert_eq!(
        (&status["colours"]["blue"]["release"], &status["colours"]["blue"]["role"]),
        (&"v1".into(), &"warm".into())
    );
}

fn a_rollback_while_the_proxy_has_fallen_back_needs_no_start_however_late_it_comes(on: On) {
    let fixture = Fixture::beside_two(on);
    fallen_back(&fixture);
    fixture.let_warm_time_pass();
    let load = fixture.load_beside_two();
    let ran = fixture.run(&["rollback"]).ok();
    load.stop().assert_nothing_lost("a rollback while the active colour hangs");
    assert!(!ran.stderr.contains("start v1"), "{}", ran.stderr);
    let status = fixture.status();
    assert_eq!((&status["active"], &status["split"]["blue"]), (&"blue".into(), &100.into()), "{status}");
}

fn recover_makes_official_what_the_proxy_has_fallen_back_to(on: On) {
    let fixture = Fixture::new(on);
    fallen_back(&fixture);
    let told = fixture.run(&["recover"]).ok().stdout;
    assert!(told.contains("blue   ready     active    100 %"), "{told}");
    assert!(fixture.run(&["history"]).ok().stdout.contains("recovered      v1 as blue"));
    fixture.run(&["rollback"]).refused(2, &["no release before the one that serves"]);
}
