//! The secret that an environment requires: nothing starts without it or with a weak one, and it stays out of sight.

use std::fs;
use std::process::Command;
use std::time::Duration;

use xtask::http;

use crate::support::{
    Fixture, On, PROXY_IMAGE, Ran, SECRETS, TOKEN, docker, eventually, on_both, parent, pid_at, service,
};

on_both!(
    a_release_whose_secret_is_missing_or_weak_is_refused_and_nothing_has_changed,
    a_secret_that_is_good_opens_the_metrics_and_is_seen_nowhere,
);

const VARIABLE: &str = SECRETS[0].0;
const WEAK: &str = "changeme-changeme";
const NEXT: &str = "another-one-that-nobody-would-ever-guess";
const STAGING: [&str; 2] = ["--env", "staging"];

fn staging(on: On) -> Fixture {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"15s\"", "bake = \"100ms\"");
    fixture
}

/// Rolls a release out to staging, with this value of its secret.
fn release(fixture: &Fixture, verb: &str, name: &str, token: Option<&str>) -> Ran {
    let binary = service().to_str().unwrap();
    let mut command = fixture.xtask(&[verb, "--release", name, "--binary", binary, "--env", "staging"]);
    match token {
        Some(token) => command.env(VARIABLE, token),
        None => command.env_remove(VARIABLE),
    };
    Ran::from(command.output().unwrap())
}

/// What the metrics of whoever serves answer to somebody with this token.
fn scrape(fixture: &Fixture, token: Option<&str>) -> u16 {
    let address = fixture.staging_address();
    let authorization = token.map(|token| format!("\r\nAuthorization: Bearer {token}\r\n")).unwrap_or("\r\n".into());
    let probe = http::get_through(address, "/metrics", |request| {
        http::exchange(address, &request.replacen("\r\n", &authorization, 1), Duration::from_secs(5))
    });
    match probe {
        http::Probe::Answered(answer) => answer.status,
        http::Probe::Silent(why) => panic!("{why}"),
    }
}

/// Who runs and serves in staging, and with which secrets.
fn standing(fixture: &Fixture) -> serde_json::Value {
    let status = fixture.run(&[&["status", "--json"], &STAGING[..]].concat()).ok().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let colours = ["blue", "green"].map(|colour| {
        let colour = &status["colours"][colour];
        serde_json::json!([colour["release"], colour["state"]])
    });
    let secrets = placed(fixture);
    serde_json::json!({ "active": status["active"], "split": status["split"], "colours": colours, "secrets": secrets })
}

/// Every secret that lies in staging: where, and what it is.
fn placed(fixture: &Fixture) -> String {
    const SHOW: &str = "find . -type f -exec sh -c 'echo \"$1 $(cat \"$1\")\"' - {} \\;";
    match fixture.on() {
        On::Process => {
            let folder = fixture.root().join(".switchyard/staging/secrets");
            if !folder.exists() {
                return String::new();
            }
            let shown = Command::new("sh").args(["-c", SHOW]).current_dir(folder).output().unwrap();
            String::from_utf8(shown.stdout).unwrap()
        }
        On::Compose => {
            let volume = format!("{}-secrets:/secrets:ro", fixture.stack("staging"));
            // As somebody else than who has written them, as the image's user may be.
            let run = ["run", "--rm", "--network=none", "--user=12345", "--volume", &volume, "--workdir=/secrets"];
            docker(&[&run[..], &[PROXY_IMAGE, "sh", "-c", SHOW]].concat()).unwrap()
        }
    }
}

fn a_release_whose_secret_is_missing_or_weak_is_refused_and_nothing_has_changed(on: On) {
    let fixture = staging(on);
    let missing = ["secrets", "metrics.token", "the variable STAGING_METRICS_TOKEN is missing", "Nothing was started"];
    let weak = [
        "refuses its configuration for staging; nothing was started or changed",
        "metrics.token: the secret given is refused in staging: it can be guessed",
        "metrics.token comes from the variable STAGING_METRICS_TOKEN",
        "next: the same command",
    ];
    for verb in ["up", "deploy-blue-green"] {
        release(&fixture, verb, "v1", None).refused(78, &missing);
        assert_eq!(fixture.left(), [""; 0], "{verb}");
    }
    let refused = release(&fixture, "up", "v1", Some(WEAK)).refused(78, &weak);
    assert!(!refused.stderr.contains(WEAK), "{}", refused.stderr);
    let nothing = standing(&fixture);
    assert_eq!(nothing["colours"], serde_json::json!([[null, "absent"], [null, "absent"]]), "{nothing}");
    assert_eq!(nothing["secrets"], "");

    release(&fixture, "up", "v1", Some(TOKEN)).ok();
    let before = standing(&fixture);
    assert_eq!(before["secrets"], format!("./metrics.token {TOKEN}\n"));
    assert_eq!(before["colours"][0], serde_json::json!(["v1", "ready"]));
    release(&fixture, "deploy-blue-green", "v2", None).refused(78, &missing);
    release(&fixture, "deploy-blue-green", "v2", Some(WEAK)).refused(78, &weak);
    assert_eq!(standing(&fixture), before);
    // What is started again by whoever watches over it has the secret it had.
    fixture.kill(blue(&fixture).unwrap());
    eventually("it was started again", || {
        http::get(fixture.staging_address(), "/readyz", PROBE).to_string().starts_with("HTTP 200")
    });
    assert_eq!([scrape(&fixture, Some(TOKEN)), scrape(&fixture, Some(WEAK))], [200, 401]);
}

const PROBE: Duration = Duration::from_secs(1);

fn a_secret_that_is_good_opens_the_metrics_and_is_seen_nowhere(on: On) {
    let fixture = staging(on);
    let ups = [release(&fixture, "up", "v1", Some(TOKEN)).ok()];
    assert_eq!([None, Some("wrong"), Some(TOKEN)].map(|token| scrape(&fixture, token)), [401, 401, 200]);
    let deploys = [release(&fixture, "deploy-blue-green", "v2", Some(NEXT)).ok()];
    assert_eq!([None, Some(TOKEN), Some(NEXT)].map(|token| scrape(&fixture, token)), [401, 401, 200]);
    assert_eq!(placed(&fixture), format!("./metrics.token {NEXT}\n"));

    let mut told: Vec<(String, String)> = Vec::new();
    for ran in ups.iter().chain(&deploys) {
        told.push(("what was said".into(), format!("{}{}", ran.stdout, ran.stderr)));
    }
    for args in
        [&["history", "--json"][..], &["status", "--json"], &["logs", "blue"], &["logs", "green"], &["logs", "proxy"]]
    {
        told.push((args.join(" "), fixture.run(&[args, &STAGING].concat()).ok().stdout));
    }
    told.extend(ledger(&fixture));
    told.extend(processes(&fixture));
    if on == On::Compose {
        for name in containers(&fixture) {
            told.push((format!("inspect {name}"), docker(&["inspect", &name]).unwrap()));
            let log = written(&name);
            assert!(!name.contains("-app-") || log.contains("\"listening\""), "{name}: {log}");
            told.push((format!("logs {name}"), log));
        }
    }
    for (what, text) in &told {
        for token in [TOKEN, NEXT] {
            assert!(!text.contains(token), "a secret is in {what}: {text}");
        }
    }
}

fn blue(fixture: &Fixture) -> Option<u32> {
    match fixture.on() {
        On::Process => pid_at(fixture.staging_blue_address()),
        On::Compose => pid_of_container(&format!("{}-app-blue-1", fixture.stack("staging"))),
    }
}

fn pid_of_container(name: &str) -> Option<u32> {
    docker(&["inspect", "--format", "{{.State.Pid}}", name])?.trim().parse().ok().filter(|pid| *pid != 0)
}

fn containers(fixture: &Fixture) -> Vec<String> {
    let filter = format!("name={}-", fixture.stack("staging"));
    let listed = docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]).unwrap();
    let listed: Vec<_> = listed.lines().map(str::to_owned).collect();
    assert!(listed.len() >= 4, "{listed:?}");
    listed
}

/// Everything that a container has written, to either output.
fn written(container: &str) -> String {
    let logs = Command::new("docker").args(["logs", container]).output().unwrap();
    assert!(logs.status.success(), "{container}");
    String::from_utf8_lossy(&[logs.stdout, logs.stderr].concat()).into_owned()
}

/// Every file of the ledger but the secrets themselves.
fn ledger(fixture: &Fixture) -> Vec<(String, String)> {
    const SHOW: &str = "find . -type f -not -path './secrets/*' -size -200k -exec cat {} +";
    let text = match fixture.on() {
        On::Process => {
            let folder = fixture.root().join(".switchyard/staging");
            let shown = Command::new("sh").args(["-c", SHOW]).current_dir(folder).output().unwrap();
            String::from_utf8_lossy(&shown.stdout).into_owned()
        }
        On::Compose => {
            let volume = format!("{}-ledger:/switchyard", fixture.stack("staging"));
            docker(&["run", "--rm", "--network=none", "--volume", &volume, PROXY_IMAGE, "sh", "-c", SHOW]).unwrap()
        }
    };
    assert!(text.contains("\"promote\""), "the journal is not there: {text}");
    vec![("the ledger".into(), text)]
}

/// The arguments and the environment of whatever was started and goes on.
fn processes(fixture: &Fixture) -> Vec<(String, String)> {
    let pids: Vec<u32> = match fixture.on() {
        On::Process => {
            let [proxy, blue] =
                [fixture.staging_address(), fixture.staging_blue_address()].map(|at| pid_at(at).unwrap());
            let master = parent(proxy).unwrap();
            // Over each of them stands a shim.
            vec![proxy, master, parent(master).unwrap(), blue, parent(blue).unwrap()]
        }
        On::Compose => containers(fixture).iter().filter_map(|name| pid_of_container(name)).collect(),
    };
    let read = |pid: u32, file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
        (format!("{file} of {pid}"), format!("{file}: {text}"))
    };
    pids.into_iter().flat_map(|pid| [read(pid, "cmdline"), read(pid, "environ")]).collect()
}
