//! Both workflows as they stand, rehearsed: from a commit on main to production, and back.

use std::path::Path;

use serde_json::Value;

use super::shipped::registry;
use super::*;
use crate::fresh_clone::{clone_into, commit};
use crate::support::receiver::{OK, Receiver};
use crate::support::{builder_is_here, path_with, stand_in_for};

/// Everything of this repository in a project of its own, whose images compile fast and whose rollouts are short.
fn project(fixture: &Fixture) {
    let delivery = fixture.read("config/delivery.toml");
    clone_into(fixture.root());
    fixture.share_tools();
    let short = [
        ("profile = \"release\"", "profile = \"dev\""),
        ("bake = \"15s\"", "bake = \"1s\""),
        ("bake = \"2m\"", "bake = \"1s\""),
    ];
    let told = "\n[[notifications]]\nname = \"hook\"\nkind = \"webhook\"\nurl = { env = \"CHAT_WEBHOOK_URL\" }\n";
    fixture.write("config/delivery.toml", &format!("{delivery}{told}"));
    for (from, to) in short {
        assert!(delivery.contains(from), "{from}");
        fixture.write("config/delivery.toml", &fixture.read("config/delivery.toml").replace(from, to));
    }
    commit(fixture.root(), "a project of its own");
}

/// `cargo xtask` is this build of it: a clone elsewhere would compile it anew, and [`crate::fresh_clone`] does that.
fn stand_in_for_cargo(fixture: &Fixture) {
    let (xtask, cargo) = (env!("CARGO_BIN_EXE_xtask"), env!("CARGO"));
    let script = format!("[ \"$1\" != xtask ] || {{ shift; exec '{xtask}' \"$@\"; }}\nexec '{cargo}' \"$@\"");
    stand_in_for("cargo", &script, &fixture.root().join("target/bin"));
}

/// A rehearsal in which the pipeline's steps count as passed, and what is pushed goes to a registry of the test's.
struct Rehearsal<'a> {
    fixture: &'a Fixture,
    image: String,
    /// Who is told, at an address that is a secret on GitHub.
    receiver: &'a Receiver,
}

impl Rehearsal<'_> {
    fn run(&self, workflow: &str, flags: &[&str]) -> Ran {
        let image = format!("IMAGE={}", self.image);
        let args = ["workflows", "--rehearse", workflow, "--verified", "--keep", "--json", "--var", &image];
        let mut command = self.fixture.xtask(&[&args, flags].concat());
        command.env("PATH", path_with(&self.fixture.root().join("target/bin")));
        command.env("CHAT_WEBHOOK_URL", format!("http://{}", self.receiver.address)).env("no_proxy", "127.0.0.1");
        Ran::from(command.output().unwrap())
    }

    fn passes(&self, workflow: &str, flags: &[&str]) -> Report {
        let ran = self.run(workflow, flags).ok();
        Report { told: serde_json::from_str(&ran.stdout).unwrap(), said: ran.stderr }
    }

    fn status(&self, environment: &str) -> Value {
        let ran = self.fixture.run(&["status", "--env", environment, "--json"]).ok();
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The release that serves in an environment.
    fn serving(&self, environment: &str) -> String {
        let status = self.status(environment);
        let active = status["active"].as_str().unwrap_or_else(|| panic!("nothing serves: {status}"));
        status["colours"][active]["release"].as_str().unwrap().to_owned()
    }

    /// The image that serves in an environment, by its digest in the registry.
    fn digest(&self, environment: &str) -> String {
        let active = self.status(environment)["active"].as_str().unwrap().to_owned();
        let container = format!("{}-app-{active}-1", self.fixture.stack(environment));
        let image = docker(&["inspect", "--format", "{{.Image}}", &container]).unwrap();
        docker(&["inspect", "--format", "{{join .RepoDigests \"\\n\"}}", image.trim()]).unwrap().trim().to_owned()
    }

    /// The tags in what stands for the repository on GitHub.
    fn tags(&self) -> String {
        let origin = self.fixture.root().join("target/xtask/rehearsal/origin.git");
        let listed = Command::new("git").arg("tag").current_dir(origin).output().unwrap();
        String::from_utf8(listed.stdout).unwrap()
    }
}

struct Report {
    told: Value,
    said: String,
}

impl Report {
    fn verdict(&self, job: &str) -> &str {
        self.job(job)["verdict"].as_str().unwrap()
    }

    fn job(&self, name: &str) -> &Value {
        let jobs = self.told["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["name"] == name).unwrap_or_else(|| panic!("no job {name} in {}", self.told))
    }

    /// What the step has said whose command line begins so.
    fn log(&self, job: &str, run: &str) -> String {
        let steps = self.job(job)["steps"].as_array().unwrap();
        let is_it = |step: &&Value| step["run"].as_str().is_some_and(|line| line.starts_with(run));
        let step = steps.iter().find(is_it).unwrap_or_else(|| panic!("{job} runs no {run}"));
        fs::read_to_string(Path::new(step["log"].as_str().unwrap())).unwrap()
    }
}

/// Removes what the test has left in the engine, by name and by digest.
struct Images(String);

impl Drop for Images {
    fn drop(&mut self) {
        let filter = format!("reference={}", self.0);
        let format = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}";
        let listed = docker(&["images", "--digests", "--filter", &filter, "--format", format]).unwrap_or_default();
        for reference in listed.split_whitespace().filter(|reference| !reference.contains("<none>")) {
            docker(&["rmi", "--force", reference]);
        }
    }
}

#[test]
fn a_commit_on_main_comes_to_staging_to_production_once_approved_and_back() {
    if !builder_is_here() {
        return;
    }
    let Some(fixture) = fixture() else { return };
    let (_registry, address) = registry(&fixture);
    let image = format!("{address}/{}/app", fixture.stack("test"));
    let images = Images(image.clone());
    let receiver = Receiver::start(&[OK]);
    let rehearsal = Rehearsal { fixture: &fixture, image, receiver: &receiver };
    project(&fixture);
    stand_in_for_cargo(&fixture);

    let pull_request = rehearsal.passes("ci-cd", &["--event", "pull_request"]);
    assert_eq!((pull_request.verdict("quality"), pull_request.verdict("gate")), ("passed", "passed"));
    let checked = pull_request.log("quality", "cargo xtask ci");
    assert!(checked.contains("fresh") && !checked.contains("== lint"), "{checked}");

    let first = rehearsal.passes("deploy", &["--event", "push", "--ref", "refs/heads/main"]);
    let verdicts = ["verify / gate", "tag", "image", "staging", "production", "gate"].map(|job| first.verdict(job));
    assert_eq!(verdicts, ["passed", "passed", "passed", "passed", "waiting", "waiting"]);
    let released = rehearsal.serving("staging");
    assert_eq!(rehearsal.tags().trim(), released);
    assert_eq!(receiver.events(), ["start", "success"]);
    assert_eq!(receiver.received()[1].body()["release"], released.as_str());
    // Staging has it from the registry alone.
    assert!(first.said.contains(&format!("removed {}:{released}", rehearsal.image)), "{}", first.said);
    let digest = rehearsal.digest("staging");
    assert!(digest.starts_with(&format!("{}@sha256:", rehearsal.image)), "{digest}");
    assert_eq!(rehearsal.status("production")["active"], Value::Null);

    // As it is on GitHub from now on: each rehearsal begins with what this checkout knows.
    let tagged = Command::new("git").args(["tag", &released]).current_dir(fixture.root()).status().unwrap();
    assert!(tagged.success());
    let base = fixture.read("config/base.toml");
    fixture.write("config/base.toml", &format!("# A change.\n{base}"));
    commit(fixture.root(), "a change");
    let second = rehearsal.passes("deploy", &["--event", "push", "--approve", "production"]);
    assert_eq!((second.verdict("production"), second.verdict("gate")), ("passed", "passed"));
    let changed = rehearsal.serving("staging");
    assert_ne!(changed, released);
    assert_eq!(rehearsal.serving("production"), changed);
    assert_eq!(rehearsal.digest("staging"), rehearsal.digest("production"));

    let back = ["--event", "workflow_dispatch", "--input", "action=rollback", "--input", "environment=staging"];
    let back = rehearsal.passes("deploy", &back);
    assert_eq!(
        (back.verdict("rollback"), back.verdict("verify"), back.verdict("gate")),
        ("passed", "skipped", "passed")
    );
    assert_eq!((rehearsal.serving("staging"), rehearsal.serving("production")), (released, changed));
    // Staging, then both, then staging again.
    assert_eq!(receiver.events(), ["start", "success", "start", "success", "start", "success", "rollback"]);

    let path = ".github/workflows/deploy.yml";
    let whole = fixture.read(path);
    let line = "        run: cargo xtask health-check --env staging\n";
    fixture.write(path, &whole.replacen(line, "        run: cargo xtask status --env staging\n", 1));
    commit(fixture.root(), "without asking for its health");
    rehearsal.run("deploy", &[]).refused(1, &[path, "health-check"]);
    fixture.end();
    drop(images);
}
