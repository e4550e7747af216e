//! As processes: every rule and every query, against what a rollout leaves.

use super::*;

/// A project whose proxy tells its metrics.
fn with_exporter() -> Fixture {
    let fixture = Fixture::new(On::Process);
    let exporter = format!("preview = true\nproxy_metrics = \"{}\"", fixture.spare_address());
    fixture.edit_delivery("preview = true", &exporter);
    hurry(&fixture);
    fixture
}

/// The last line of what `monitoring` prints, as a command.
fn printed_command(fixture: &Fixture) -> Command {
    let told = fixture.run(&["monitoring"]).ok().stdout;
    let mut words = told.lines().last().unwrap().split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(fixture.root());
    command
}

fn assert_rules_find_something(server: Server) {
    let groups = |kind: &str| list(&server.api(&format!("rules?type={kind}")).unwrap(), "groups").to_vec();
    let rules = |kind: &str| groups(kind).iter().flat_map(|group| list(group, "rules").to_vec()).collect::<Vec<_>>();
    let records = rules("record");
    let is_number = |series: &Value| series["value"][1] != "NaN";
    for rule in &records {
        let name = rule["name"].as_str().unwrap();
        assert_eq!(rule["health"], "ok", "{rule}");
        eventually(&format!("{name} is recorded"), || server.query(name).iter().any(is_number));
    }
    let known = server.api("label/__name__/values").unwrap();
    let known: BTreeSet<_> = known.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let alerts = rules("alert");
    for alert in &alerts {
        assert_eq!((&alert["health"], &alert["lastError"]), (&"ok".into(), &Value::Null), "{alert}");
        assert_ne!(alert["state"], "firing", "{alert}");
        for metric in metrics(alert["query"].as_str().unwrap()) {
            assert!(known.contains(metric), "{} asks for {metric}, which nobody tells", alert["name"]);
        }
    }
    println!("{} recording rules and {} alerts", records.len(), alerts.len());
}

#[test]
fn every_rule_and_every_query_of_a_dashboard_finds_something() {
    let fixture = with_exporter();
    fixture.release("up", "v1", &[]).ok();
    let began = SystemTime::now();
    let server = Server { address: fixture.metrics_address() };
    let _running = server.start(&mut printed_command(&fixture));
    let gone = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _host = Host(&gone);
        scope.spawn(|| visit(fixture.address(), &gone));
        fixture.release("deploy-blue-green", "v2", &[]).ok();
        eventually("all is scraped", || server.query("up == 1").len() == 3);
        assert_rules_find_something(server);
        let queries = queries();
        for (place, query) in &queries {
            eventually(&format!("{place} finds something by {query}"), || {
                server.samples_since(began, query).unwrap_or_else(|| panic!("{query} is refused")) > 0
            });
        }
        println!("{} queries of the dashboards", queries.len());
    });
    let colours = server.query("sum by (environment, colour, release) (http_requests_total{job=\"service\"})");
    let seen = |key: &str| colours.iter().map(|it| it["metric"][key].as_str().unwrap()).collect::<BTreeSet<_>>();
    let seen = ["environment", "colour", "release"].map(seen);
    assert_eq!(
        seen,
        [BTreeSet::from(["development"]), BTreeSet::from(["blue", "green"]), BTreeSet::from(["v1", "v2"])]
    );
    assert_eq!(server.query("{exported_colour!=\"\"}"), [Value::Null; 0]);
}
