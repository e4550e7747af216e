//! In containers: what `cargo xtask monitoring` starts, and what is left of it.

use super::*;

/// An image of the Prometheus that this machine has, with the folder that its makers' image has.
fn image(fixture: &Fixture) -> String {
    let name = format!("{}/prometheus:test", fixture.stack("image"));
    let folder = "RUN install --directory --owner=65534 --group=65534 /prometheus";
    let base = build(&format!("{name}-base"), &format!("FROM {PROXY_IMAGE}\nUSER 0\n{folder}\n"), &[]);
    let made = docker(&["create", &base]).unwrap();
    for program in [tools::PROMETHEUS, tools::PROMTOOL] {
        let path = tools::require(&program).unwrap();
        docker(&["cp", path.to_str().unwrap(), &format!("{}:/usr/bin/{}", made.trim(), program.name)]).unwrap();
    }
    docker(&["commit", made.trim(), &name]).unwrap();
    docker(&["rm", made.trim()]).unwrap();
    name
}

#[test]
fn prometheus_sees_both_colours_by_their_token_and_down_leaves_nothing_of_it() {
    if !containers_are_here() {
        return;
    }
    let fixture = Fixture::new(On::Compose);
    fixture.edit_delivery("bake = \"15s\"", "bake = \"0s\"");
    fixture.edit_delivery("prom/prometheus:v3.5.0", "127.0.0.1:1/prometheus:none");
    fixture.edit_delivery("grafana/grafana:12.0.2", "127.0.0.1:1/grafana:none");
    hurry(&fixture);
    let staging = |args: &[&str]| fixture.run(&[args, &["--env", "staging"]].concat());
    staging(&["monitoring"]).refused(2, &["nothing has been deployed to staging yet"]);
    for (verb, name) in [("up", "v1"), ("deploy-blue-green", "v2")] {
        fixture.release(verb, name, &["--env", "staging"]).ok();
    }
    let missing =
        "the image 127.0.0.1:1/prometheus:none, which [monitoring] of config/delivery.toml names, cannot be had";
    staging(&["monitoring"]).refused(69, &[missing, "next: cargo xtask setup --air-gapped --monitoring"]);

    fixture.edit_delivery("127.0.0.1:1/prometheus:none", &image(&fixture));
    let ran = staging(&["monitoring"]).ok();
    assert!(ran.stderr.contains("without Grafana, whose image 127.0.0.1:1/grafana:none"), "{}", ran.stderr);
    let server = Server { address: fixture.staging_metrics_address() };
    assert!(ran.stdout.contains(&format!("http://{}", server.address)), "{}", ran.stdout);
    let up = "up{job=\"service\",environment=\"staging\"} == 1";
    eventually("both colours are scraped", || server.query(up).len() == 2);
    // It is told where the proxy would tell its own, and what the policy is.
    let proxy = "up{job=\"proxy\",instance=~\".*:8404\"}";
    eventually("it knows of the proxy", || server.query(proxy).len() == 1);
    let keep_warm = "environment:keep_warm:seconds{environment=\"staging\"} == 30 * 60";
    eventually("it knows of the policy", || server.query(keep_warm).len() == 1);

    staging(&["monitoring", "--down"]).ok();
    assert_eq!(server.get("/-/ready"), None);
    staging(&["monitoring"]).ok();
    eventually("what was recorded is there", || server.query("count_over_time(up[1h]) > 5").len() == 3);
    fixture.end();
    assert_eq!(fixture.left(), [""; 0]);
}
