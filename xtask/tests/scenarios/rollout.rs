//! The main promise: a release goes out and comes back under load, and not one request is lost.

use crate::support::{Fixture, On, on_both};

on_both! {
    a_deploy_and_a_rollback_under_load_lose_nothing,
}

fn a_deploy_and_a_rollback_under_load_lose_nothing(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();

    let load = fixture.load();
    let deployed = fixture.release("deploy-blue-green", "v2", &["--json"]).ok();
    let tally = load.stop();
    tally.assert_nothing_lost("the deploy");
    assert!(tally.by_release["v1"] > 1000 && tally.by_release["v2"] > 1000, "{:?}", tally.by_release);
    let report = deployed.report();
    assert_eq!(
        (&report["reached"], &report["release"], &report["active"]),
        (&true.into(), &"v2".into(), &"green".into())
    );
    assert!(report["seconds"].as_f64().unwrap() < 15.0, "{report}");

    let load = fixture.load();
    load.wait_for(2000);
    fixture.run(&["rollback"]).ok();
    load.wait_for(2000);
    let tally = load.stop();
    tally.assert_nothing_lost("the rollback");
    assert_eq!(fixture.status()["colours"]["blue"]["release"], "v1");
    assert_eq!(fixture.status()["active"], "blue");
}
