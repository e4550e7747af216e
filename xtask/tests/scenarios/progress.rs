//! What is seen of a rollout under way: on a terminal, and by a program.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Fixture, On, Ran, eventually, service};

fn quick(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"300ms\"");
}

/// The lines of the newest journal.
fn journal(fixture: &Fixture) -> Vec<Value> {
    let folder = fixture.state().join("journal");
    let mut journals: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    journals.sort();
    let text = std::fs::read_to_string(journals.pop().unwrap()).unwrap();
    text.trim_end_matches('\0').lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a rollout are those of its journal, and one more that says how it ended.
#[track_caller]
fn assert_is_the_journal(fixture: &Fixture, ran: &Ran, reached: bool) {
    let mut lines = ran.lines();
    assert_eq!(lines.pop().unwrap()["reached"], reached, "{}", ran.stdout);
    assert_eq!(lines, journal(fixture));
}

fn started(lines: &[Value]) -> Vec<&str> {
    let started = lines.iter().filter(|line| line["event"] == "started");
    started.map(|line| line["operation"]["op"].as_str().unwrap()).collect()
}

#[test]
fn a_program_is_told_what_the_journal_is_told_and_how_it_ended() {
    let fixture = Fixture::new(On::Process);
    quick(&fixture);
    let up = fixture.release("up", "v1", &["--json"]).ok();
    assert_eq!((up.report()["release"].as_str(), up.stderr.as_str()), (Some("v1"), ""));
    assert_is_the_journal(&fixture, &up, true);

    let deployed = fixture.release("deploy-blue-green", "v2", &["--json"]).ok();
    assert_eq!((deployed.report()["active"].as_str(), deployed.stderr.as_str()), (Some("green"), ""));
    assert_is_the_journal(&fixture, &deployed, true);
    assert_eq!(deployed.lines()[0]["operations"].as_array().unwrap().len(), started(&deployed.lines()).len());

    let rejected = fixture.release("deploy-blue-green", "bad", &["--json", "--set", "faults.crash_after=0s"]);
    assert_is_the_journal(&fixture, &rejected, false);
    let report = rejected.report();
    assert!(report["reason"].as_str().unwrap().contains("ended with exit code 1"), "{report}");
    assert!(report["notes"][0].as_str().unwrap().contains("blue still keeps v1 warm"), "{report}");
    assert!(rejected.stderr.starts_with("error: deploy bad:"), "{}", rejected.stderr);
    rejected.refused(1, &["All traffic is on green (v2), as before."]);

    let back = fixture.run(&["rollback", "--to", "v1", "--json"]).ok();
    assert_is_the_journal(&fixture, &back, true);
    let nothing = fixture.run(&["reap", "--json"]).ok();
    assert_eq!((nothing.lines().len(), nothing.report()["release"].as_str()), (1, Some("v1")));
}

#[test]
fn a_program_is_told_of_the_recovery_before_the_goal_and_of_nothing_where_nothing_has_changed() {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"20s\"");
    let same = ["up", "--json", "--binary", service().to_str().unwrap()];
    fixture.run(&same).ok();
    let mut deploy = fixture.deploy_in_background("v2", &["--json"]);
    eventually("the candidate is watched", || fixture.status()["rollout"]["operation"] == "watch green for 20s");
    deploy.kill().unwrap();
    let cut_off = Ran::from(deploy.wait_with_output().unwrap());
    assert_eq!(cut_off.lines(), journal(&fixture), "what was told before it died is what it had done");

    let up = fixture.run(&same).ok();
    assert_eq!(up.lines()[0]["goal"], "put all traffic on one release that is up");
    assert_eq!(started(&up.lines()), ["set_split", "drain", "stop"]);
    assert_is_the_journal(&fixture, &up, true);
    let again = fixture.run(&same).ok();
    assert_eq!((again.lines().len(), again.stderr.as_str()), (1, ""));
    let report = again.report();
    assert_eq!((&report["reached"], &report["active"]), (&true.into(), &"blue".into()));
    assert_eq!(report["release"], up.report()["release"]);
}

/// Runs it as a person does, on a terminal of so many columns; none where no pseudo-terminal can be had.
fn on_a_terminal(fixture: &Fixture, columns: u16, args: &[&str]) -> Option<Command> {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: there is no `script` of util-linux to make a terminal");
        return None;
    }
    let plain = fixture.xtask(args);
    let words = std::iter::once(plain.get_program()).chain(plain.get_args()).map(|word| word.to_str().unwrap());
    let typed: Vec<_> = words.map(|word| format!("'{word}'")).collect();
    let mut command = Command::new("script");
    command.args(["-qec", &format!("stty cols {columns}; exec {}", typed.join(" ")), "/dev/null"]);
    command.current_dir(fixture.root()).stdin(std::process::Stdio::null());
    command.env_remove("CI").env_remove("APP_ENV").env_remove("NO_COLOR").env("TERM", "xterm");
    Some(command)
}

/// What is left on the terminal in the end, by the sequences the display uses, and the widest line there ever was.
fn played(output: &str) -> (Vec<String>, usize) {
    let (mut screen, mut widest) = (Vec::<String>::new(), 0);
    let colours = ["\u{1b}[34m", "\u{1b}[32m", "\u{1b}[0m", "\u{1b}[?25l", "\u{1b}[?25h"];
    let plain = colours.iter().fold(output.replace("\r\n", "\n"), |text, colour| text.replace(colour, ""));
    for piece in plain.split('\r') {
        let back = piece.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('A')).filter(|(up, _)| up.len() < 3);
        let (up, rest) = back.map_or((0, piece), |(up, rest)| (up.parse().unwrap(), rest));
        screen.truncate(screen.len() - up);
        let rest = rest.strip_prefix("\u{1b}[J").unwrap_or(rest);
        assert!(!rest.contains('\u{1b}'), "{rest:?}");
        let drawn: Vec<_> = rest.lines().map(str::to_owned).collect();
        let below = drawn
            .iter()
            .skip_while(|line| !line.contains("step ") || !line.contains(" of "))
            .map(|line| line.chars().count());
        widest = below.fold(widest, usize::max);
        screen.extend(drawn);
    }
    (screen, widest)
}

#[test]
fn a_person_at_a_terminal_sees_the_step_the_bar_and_in_the_end_what_was_done() {
    let fixture = Fixture::new(On::Process);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    let binary = service().to_str().unwrap();
    let args = ["deploy-blue-green", "--release", "v2", "--binary", binary];
    let Some(mut deploy) = on_a_terminal(&fixture, 70, &args) else { return };
    let ran = Ran::from(deploy.output().unwrap()).ok();
    let seen = &ran.stdout;
    for expected in [
        "  step 2 of 13: wait until green is ready",
        "  step 5 of 13: watch green for 300ms",
        "  blue 90 % \u{1b}[34m██████████████████\u{1b}[32m░░\u{1b}[0m green 10 %  ",
        " left\r\n",
        "  verdict  ",
    ] {
        assert!(seen.contains(expected), "{expected:?} is not in:\n{seen}");
    }
    let (hidden, there) = (seen.rfind("\u{1b}[?25l").unwrap(), seen.rfind("\u{1b}[?25h").unwrap());
    assert!(hidden < there, "the cursor is not restored:\n{seen}");

    let (screen, widest) = played(seen);
    assert!(widest < 70, "{screen:#?}");
    let done = screen.iter().filter(|line| line.starts_with("  done     ")).count();
    assert_eq!(done, 13, "{screen:#?}");
    assert!(!screen.iter().any(|line| line.contains("step ") && line.contains(" of ")), "{screen:#?}");
    assert!(screen.iter().any(|line| line.starts_with("v2 serves development as green")), "{screen:#?}");
}

#[test]
fn a_person_who_types_ctrl_c_twice_has_the_cursor_back() {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"20s\"");
    fixture.release("up", "v1", &[]).ok();
    let binary = service().to_str().unwrap();
    let args = ["deploy-blue-green", "--release", "v2", "--binary", binary];
    let Some(mut deploy) = on_a_terminal(&fixture, 80, &args) else { return };
    let mut deploy = deploy.stdout(std::process::Stdio::piped()).spawn().unwrap();
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    let owner: Value = serde_json::from_str(&fixture.read(".switchyard/development/lock.json")).unwrap();
    let pid: u32 = owner["pid"].as_u64().unwrap().try_into().unwrap();
    fixture.signal(pid, rustix::process::Signal::INT);
    let id = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    // Two that arrive at once are taken by two threads, neither of which sees the other's: until one has been seen.
    eventually("it has ended", || {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        deploy.try_wait().unwrap().is_some()
    });
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    assert_eq!(ran.code, 130);
    let (hidden, there) = (ran.stdout.rfind("\u{1b}[?25l").unwrap(), ran.stdout.rfind("\u{1b}[?25h").unwrap());
    assert!(hidden < there && ran.stdout.ends_with("\n\u{1b}[?25h"), "{:?}", ran.stdout);
    fixture.run(&["recover"]).ok();
}
