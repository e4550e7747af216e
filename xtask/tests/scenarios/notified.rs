//! Who is told of a rollout: by real receivers, good ones and bad ones, and what of it is on record.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::receiver::{CLOSE, OK, Receiver, SILENCE};
use crate::support::{Background, Fixture, On, Ran, eventually, parent, service};

const SECRET: &str = "nobody-signs-like-this";
/// What nobody may find anywhere: a part of a URL.
const PATH: &str = "/services/T0/B0/geheim";
const PROXIES: [&str; 8] =
    ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// A project whose rollouts are short, with these channels.
fn fixture(channels: &str) -> Fixture {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    let text = fixture.read("config/delivery.toml");
    fixture.write("config/delivery.toml", &format!("{text}\n{channels}"));
    fixture
}

/// `xtask`, past any proxy, with these variables.
fn xtask(fixture: &Fixture, args: &[&str], variables: &[(&str, String)]) -> Command {
    let mut command = fixture.xtask(args);
    for name in PROXIES {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

fn run(fixture: &Fixture, args: &[&str], variables: &[(&str, String)]) -> Ran {
    Ran::from(xtask(fixture, args, variables).output().unwrap())
}

fn told(fixture: &Fixture) -> Vec<Value> {
    serde_json::from_str(&fixture.run(&["history", "--notifications", "--json"]).ok().stdout).unwrap()
}

fn url(receiver: &Receiver) -> String {
    format!("http://{}{PATH}", receiver.address)
}

/// The code by somebody else's program.
fn by_openssl(text: &str) -> String {
    let mut openssl = Command::new("openssl");
    let openssl = openssl.args(["dgst", "-sha256", "-hmac", SECRET]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut openssl = openssl.spawn().unwrap();
    openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let printed = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    printed.trim().rsplit_once("= ").unwrap().1.to_owned()
}

/// Whether a text is anywhere in a folder's files.
fn is_in(folder: &Path, text: &str) -> bool {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.any(|path| match fs::symlink_metadata(&path).unwrap().file_type() {
        kind if kind.is_dir() => is_in(&path, text),
        kind if kind.is_file() => String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text),
        _ => false,
    })
}

#[test]
fn a_rollout_tells_of_its_beginning_and_its_end_and_it_is_on_record() {
    let fixture = fixture(
        "[[notifications]]\nname = \"hook\"\nkind = \"webhook\"\nurl = { env = \"HOOK_URL\" }\n\
         secret = { env = \"HOOK_SECRET\" }\n\
         [[notifications]]\nname = \"chat\"\nkind = \"slack\"\nurl = { env = \"CHAT_URL\" }\non = [\"failure\"]\n\
         title = \"<!here> {release}\"\n\
         [[notifications]]\nname = \"unset\"\nkind = \"slack\"\nurl = { env = \"UNSET_URL\" }\n\
         [[notifications]]\nname = \"elsewhere\"\nkind = \"slack\"\nurl = { env = \"CHAT_URL\" }\n\
         environments = [\"production\"]\n",
    );
    let (hook, chat) = (Receiver::start(&[OK]), Receiver::start(&[OK]));
    let summary = fixture.root().join("summary.md");
    let variables = [
        ("HOOK_URL", url(&hook)),
        ("HOOK_SECRET", SECRET.into()),
        ("CHAT_URL", url(&chat)),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap().to_owned()),
    ];
    let binary = service().to_str().unwrap();
    let roll = |args: &[&str]| run(&fixture, args, &variables);
    let up = roll(&["up", "--release", "v1", "--binary", binary]).ok();
    assert!(
        up.stderr.contains("note: unset is not told of anything: the variable UNSET_URL is missing"),
        "{}",
        up.stderr
    );
    roll(&["deploy-blue-green", "--release", "v2", "--binary", binary]).ok();
    let bad = ["deploy-blue-green", "--release", "bad", "--binary", binary, "--set", "faults.error_rate=1.0"];
    let bad = roll(&bad).refused(1, &["smoke-test"]);
    let back = roll(&["rollback"]).ok();

    assert_eq!(hook.events(), ["start", "success", "start", "success", "start", "failure", "rollback"]);
    let bodies: Vec<_> = hook.received().iter().map(|one| one.body()).collect();
    let facts = |number: usize| json!(["release", "before", "colour", "action"].map(|key| &bodies[number][key]));
    assert_eq!(facts(1), json!(["v1", null, "blue", "deploy"]));
    assert_eq!(facts(3), json!(["v2", "v1", "green", "deploy"]));
    assert_eq!(facts(5), json!(["bad", "v2", "blue", "deploy"]));
    assert_eq!(facts(6), json!(["v1", "v2", "blue", "rollback"]));
    assert!(bodies[5]["reason"].as_str().unwrap().contains("HTTP 500"), "{}", bodies[5]);
    assert!(bodies[3]["seconds"].as_f64().unwrap() > 0.0 && bodies[2]["seconds"].is_null());
    assert_eq!(bodies[3]["url"], format!("http://{}", fixture.address()));
    for one in hook.received() {
        let signed = format!("{}.{}", one.headers["x-switchyard-timestamp"], one.raw);
        assert_eq!(one.headers["x-switchyard-signature"], format!("sha256={}", by_openssl(&signed)));
        assert_eq!(one.headers["x-switchyard-delivery"], one.body()["id"]);
    }
    let said = chat.received();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].body()["text"].as_str().unwrap().starts_with("<!here> bad\ncould not smoke-test"), "{said:?}");

    let told = told(&fixture);
    assert_eq!(told.len(), 8, "{told:#?}");
    assert!(told.iter().all(|one| one["delivered"] == true && one["attempts"] == 1 && one["status"] == 200));
    assert_eq!(told.iter().filter(|one| one["channel"] == "chat").count(), 1);
    let shown = fixture.run(&["history", "--notifications"]).ok().stdout;
    let first = shown.lines().next().unwrap();
    assert!(first.contains("rollback v1  hook (127.0.0.1:") && first.contains("told      HTTP 200"), "{shown}");
    assert_eq!(fixture.run(&["history", "--json"]).ok().stdout.matches("\"change\"").count(), 4);
    let summary = fs::read_to_string(summary).unwrap();
    assert_eq!(summary.matches("### ").count(), 7);
    assert!(summary.contains("### deploy failure\n\n`bad was not rolled out in development`"), "{summary}");
    for printed in [up.stderr, bad.stderr, back.stderr, shown] {
        assert!(!printed.contains(PATH) && !printed.contains(SECRET), "{printed}");
    }
    assert!(!is_in(&fixture.state(), PATH) && !is_in(&fixture.state(), SECRET));
}

#[test]
fn a_dead_endpoint_neither_fails_a_deploy_nor_holds_it_up_beyond_its_deadline() {
    const TIMEOUT: u64 = 1500;
    let names = ["silent", "closing", "gone", "flaky", "busy"];
    let channels = names.map(|name| {
        let variable = name.to_uppercase();
        format!(
            "[[notifications]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = {{ env = \"{variable}\" }}\non = [\"success\"]\n\
             timeout = \"{TIMEOUT}ms\"\n"
        )
    });
    let fixture = fixture(&channels.concat());
    let silent = Receiver::start(&[SILENCE]);
    let closing = Receiver::start(&[CLOSE]);
    let flaky = Receiver::start(&["500 Internal Server Error", "503 Service Unavailable", OK]);
    let busy = Receiver::start(&["429 Too Many Requests\r\nRetry-After: 1", OK]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = [
        ("SILENT", url(&silent)),
        ("CLOSING", url(&closing)),
        ("GONE", format!("http://{gone}{PATH}")),
        ("FLAKY", url(&flaky)),
        ("BUSY", url(&busy)),
    ];
    let binary = service().to_str().unwrap();
    let up = run(&fixture, &["up", "--release", "v1", "--binary", binary, "--json"], &variables).ok();
    assert_eq!(up.report()["reached"], true);
    let told = told(&fixture);
    let of = |name: &str| told.iter().find(|one| one["channel"] == name).unwrap().clone();
    for name in &names[..3] {
        let one = of(name);
        println!("{one}");
        assert_eq!((&one["delivered"], &one["status"]), (&false.into(), &Value::Null), "{one}");
        // By its own clock, and with all the time in the world for a machine that is busy.
        assert!(one["millis"].as_u64().unwrap() < 4 * TIMEOUT, "{one}");
        assert!(up.stderr.contains(&format!("warning  {name} was not told of the success: ")), "{}", up.stderr);
    }
    assert!(of("closing")["attempts"].as_u64().unwrap() > 1 && of("gone")["attempts"].as_u64().unwrap() > 1);
    assert_eq!((&of("flaky")["delivered"], &of("flaky")["attempts"]), (&true.into(), &3.into()), "{}", of("flaky"));
    assert_eq!((&of("busy")["delivered"], &of("busy")["attempts"]), (&true.into(), &2.into()), "{}", of("busy"));
    assert!(of("busy")["millis"].as_u64().unwrap() >= 1000);
    // However often it is told, it is the same to one who has heard it already.
    let ids: Vec<_> = flaky.received().iter().map(|one| one.headers["x-switchyard-delivery"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(!up.stderr.contains(PATH), "{}", up.stderr);
}

#[test]
fn ctrl_c_ends_the_waiting_at_once_and_what_was_done_is_done() {
    let fixture = fixture(
        "[[notifications]]\nname = \"silent\"\nkind = \"webhook\"\nurl = { env = \"SILENT\" }\non = [\"success\"]\n\
         timeout = \"1m\"\n",
    );
    let silent = Receiver::start(&[SILENCE]);
    let args = ["up", "--release", "v1", "--binary", service().to_str().unwrap()];
    let mut up = xtask(&fixture, &args, &[("SILENT", url(&silent))]);
    let up = up.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it is told", || silent.events() == ["success"]);
    fixture.signal(up.id(), Signal::INT);
    let ran = Ran::from(up.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("silent was not told of the success: nobody waited for it"), "{}", ran.stderr);
    let told = told(&fixture);
    assert_eq!((told.len(), &told[0]["delivered"]), (1, &false.into()));
    assert_eq!(fixture.status()["active"], "blue");
}

#[test]
fn what_is_told_by_hand_is_answered_for_each_channel() {
    let fixture = fixture(
        "[[notifications]]\nname = \"hook\"\nkind = \"webhook\"\nurl = { env = \"HOOK_URL\" }\non = [\"start\"]\n\
         secret = { env = \"HOOK_SECRET\" }\n\
         [[notifications]]\nname = \"graphs\"\nkind = \"grafana\"\nurl = { env = \"GRAFANA_URL\" }\n\
         token = { env = \"GRAFANA_TOKEN\" }\non = [\"rollback\"]\n",
    );
    let (hook, grafana) = (Receiver::start(&[OK, OK, "404 Not Found"]), Receiver::start(&[OK]));
    let github = Receiver::start(&[OK]);
    let on_github = [
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_API_URL", format!("http://{}", github.address)),
        ("GITHUB_REPOSITORY", "o/r".into()),
        ("GITHUB_SHA", "abc".into()),
        ("GITHUB_SERVER_URL", "https://github.example".into()),
        ("GITHUB_RUN_ID", "7".into()),
        ("GITHUB_TOKEN", "ghs_geheim".into()),
    ];
    let here = [
        ("HOOK_URL", url(&hook)),
        ("HOOK_SECRET", SECRET.to_owned()),
        ("GRAFANA_URL", format!("http://{}", grafana.address)),
        ("GRAFANA_TOKEN", "glsa_geheim".into()),
    ];
    let notify = |args: &[&str], more: &[(&'static str, String)]| {
        run(&fixture, &[&["notify"], args].concat(), &[&here[..], more].concat())
    };
    let dry = notify(&["start", "--dry-run", "--env", "staging"], &on_github).ok().stdout;
    let shown =
        ["# hook\nPOST http://127.0.0.1:", "/***\n", "X-Switchyard-Signature: sha256=", "/deployments/0/statuses"];
    assert!(shown[..3].iter().all(|part| dry.contains(part)) && dry.contains("Authorization: Bearer ***"), "{dry}");
    assert!(!dry.contains(PATH) && !dry.contains("geheim") && !dry.contains(SECRET), "{dry}");
    assert!(hook.received().is_empty() && github.received().is_empty());

    let args = ["failure", "--env", "staging", "--release", "v3", "--message", "the image was not built"];
    let told = notify(&args, &on_github).ok();
    assert!(told.stdout.contains("github  told      HTTP 200, 1 attempt, "), "{}", told.stdout);
    assert!(
        told.stderr.contains("the ledger does not have it: nothing has been deployed to staging"),
        "{}",
        told.stderr
    );
    let asked: Vec<_> = github.received();
    let lines: Vec<_> = asked.iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    let deployments = "/repos/o/r/deployments";
    let expected = [
        format!("GET {deployments}?sha=abc&environment=staging&per_page=1"),
        format!("POST {deployments}"),
        format!("POST {deployments}/7/statuses"),
    ];
    assert_eq!(lines, expected);
    let status = asked[2].body();
    assert_eq!(
        (&status["state"], &status["log_url"]),
        (&json!("failure"), &json!("https://github.example/o/r/actions/runs/7"))
    );
    assert!(asked.iter().all(|one| one.headers["authorization"] == "Bearer ghs_geheim"));
    assert!(hook.received().is_empty(), "it is told of beginnings alone");

    notify(&["--test"], &[]).ok();
    let test = hook.received()[0].body();
    assert_eq!((&test["test"], &test["event"]), (&true.into(), &"success".into()));
    assert_eq!(grafana.received()[0].headers["authorization"], "Bearer glsa_geheim");
    assert!(grafana.received()[0].body()["tags"].as_array().unwrap().contains(&json!("test")));
    let unwritable = ("GITHUB_STEP_SUMMARY", fixture.root().to_str().unwrap().to_owned());
    let told = notify(&["failure", "--channel", "hook", "--json"], &[unwritable]).ok();
    assert!(told.stderr.contains("warning  the job's summary does not have it"), "{}", told.stderr);
    assert_eq!(hook.received().len(), 2);
    let failed = notify(&["start"], &[]).refused(1, &["not everybody was told: hook.", "notify --test"]);
    assert!(failed.stdout.contains("hook  NOT TOLD  HTTP 404, 1 attempt, "), "{}", failed.stdout);
    notify(&["start", "--channel", "hok"], &[]).refused(2, &["no channel of development is called `hok`", "there are"]);
    let left_out = fixture.run(&["notify", "start", "--channel", "hook"]);
    left_out.refused(78, &["hook is not told of anything: the variable HOOK_URL is missing or empty"]);
    let nobody = notify(&["success"], &[]).ok().stdout;
    assert!(nobody.contains("nobody is told of a success in development"), "{nobody}");
    let elsewhere = notify(&["--test", "--channel", "github", "--env", "staging"], &[]);
    elsewhere
        .refused(78, &["github is told by a job on GitHub alone.", "next: cargo xtask notify --test --env staging"]);
}

#[test]
fn over_tls_it_is_told_by_curl_to_whom_the_certificate_names_and_no_secret_is_an_argument() {
    let fixture = fixture(
        "[[notifications]]\nname = \"hook\"\nkind = \"webhook\"\nurl = { env = \"HOOK_URL\" }\ntimeout = \"30s\"\n",
    );
    let receiver = Receiver::start(&["503 Service Unavailable\r\nRetry-After: 0", OK]);
    let (address, _haproxy) = with_tls(&fixture, &receiver);
    let notify = |args: &[&str], variables: &[(&str, String)]| run(&fixture, &[&["notify"], args].concat(), variables);
    let hook = ("HOOK_URL", format!("https://localhost:{}{PATH}", address.port()));
    let trusted = ("CURL_CA_BUNDLE", fixture.root().join("cert").to_str().unwrap().to_owned());
    let message = "\"quoted\" \\ and\nbroken, ä";
    let told = notify(&["failure", "--message", message], &[hook.clone(), trusted.clone()]).ok();
    assert!(told.stdout.contains("told      HTTP 200, 2 attempts"), "{}", told.stdout);
    let received = receiver.received();
    assert_eq!((received[1].path.as_str(), &received[1].body()["reason"]), (PATH, &message.into()));

    fixture.edit_delivery("timeout = \"30s\"", "timeout = \"1s\"");
    let distrusted = notify(&["failure", "--json"], &[hook]);
    assert!(distrusted.stdout.contains("certificate") && !distrusted.stdout.contains(PATH), "{}", distrusted.stdout);
    fixture.edit_delivery("timeout = \"1s\"", "timeout = \"30s\"");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = ("HOOK_URL", format!("https://{}{PATH}", silent.local_addr().unwrap()));
    let mut waiting = xtask(&fixture, &["notify", "failure"], &[hook]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let children: Vec<u32> = processes.filter(|pid| parent(*pid) == Some(waiting.id())).collect();
    let seen: Vec<_> =
        children.iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()).collect();
    assert!(seen.iter().any(|line| line.contains("curl")) && !seen.concat().contains(PATH), "{seen:?}");
    fixture.signal(waiting.id(), Signal::INT);
    Ran::from(waiting.wait_with_output().unwrap()).refused(130, &["not everybody was told: hook."]);
}

/// An HAProxy that speaks TLS as `localhost` before a receiver.
fn with_tls(fixture: &Fixture, receiver: &Receiver) -> (std::net::SocketAddr, Background) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9"]);
    openssl.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        "key",
        "-out",
        "cert",
    ]);
    assert!(openssl.current_dir(fixture.root()).stderr(Stdio::null()).status().unwrap().success());
    fixture.write("pem", &(fixture.read("cert") + &fixture.read("key")));
    let address = fixture.spare_address();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
         listen hook\n  bind {address} ssl crt pem alpn h2,http/1.1\n  server receiver {}\n",
        receiver.address
    );
    fixture.write("tls.cfg", &config);
    let haproxy = xtask::tools::require(&xtask::tools::HAPROXY).unwrap();
    let running = Background::start(Command::new(haproxy).args(["-db", "-f", "tls.cfg"]).current_dir(fixture.root()));
    eventually("TLS is spoken", || std::net::TcpStream::connect(address).is_ok());
    (address, running)
}
