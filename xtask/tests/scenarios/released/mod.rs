//! Releases on real repositories: what is looked at before one is made, and what it changes.

mod killed;
mod shop;
mod tagged;

use shop::Shop;

/// The verdict on one thing that is looked at, and what was found.
#[track_caller]
fn check<'a>(report: &'a serde_json::Value, what: &str) -> (&'a str, &'a str) {
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 8, "all is looked at, whatever is found: {report}");
    let check = checks.iter().find(|check| check["what"] == what).unwrap();
    (check["verdict"].as_str().unwrap(), check["found"].as_str().unwrap())
}

/// Fails unless nothing but this stands in the way of a release, whether it is to be made or only shown.
#[track_caller]
fn stopped_by(shop: &Shop, what: &str, found: &str, next: &str) {
    let dry = shop.run(&["release", "minor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&dry.stdout).unwrap();
    let (verdict, told) = check(&report, what);
    assert_eq!(verdict, "failed", "{report}");
    assert!(told.contains(found), "{told}");
    let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "failed").count();
    assert_eq!(failed, 1, "{report}");
    let parts = [format!("cannot be released, for {what}; nothing was changed"), format!("next: {next}")];
    let parts = parts.each_ref().map(String::as_str);
    dry.refused(1, &parts);
    // It has looked at the remote by now, which is all that it may change.
    let before = shop.snapshot();
    let acted = shop.run(&["release", "minor", "--execute"]).refused(1, &parts);
    let row = acted.stdout.lines().find(|line| line.starts_with("FAILED")).unwrap();
    assert!(row.contains(what) && acted.stdout.contains("ok       "), "{}", acted.stdout);
    assert_eq!(shop.snapshot(), before);
}

#[test]
fn what_stands_in_the_way_of_a_release_is_named_with_what_to_type() {
    let shop = Shop::new();
    shop.write("new.txt", "");
    stopped_by(&shop, "working tree", "not clean: new.txt", "git status");

    let shop = Shop::new();
    shop.git(&["switch", "--quiet", "--create", "other"]);
    stopped_by(&shop, "branch", "other; releases are made on main", "git switch main");
    shop.git(&["switch", "--quiet", "--detach"]);
    stopped_by(&shop, "branch", "HEAD is detached", "git switch main");

    let shop = Shop::new();
    shop.push_of_another(None);
    stopped_by(&shop, "not behind", "1 behind origin/main", "git pull --ff-only origin main");
    shop.commit("Something else");
    stopped_by(&shop, "not behind", "1 behind origin/main, and 1 ahead", "git pull --rebase origin main");

    let shop = Shop::new();
    shop.git(&["reset", "--quiet", "--hard", "v0.1.0"]);
    shop.git(&["push", "--quiet", "--force", "origin", "main"]);
    stopped_by(&shop, "commits", "none since v0.1.0", "git log --oneline");

    let shop = Shop::new();
    shop.git(&["remote", "set-url", "origin", "../nowhere.git"]);
    stopped_by(&shop, "remote", "does not answer", "git ls-remote origin");
}

#[test]
fn a_version_is_free_here_and_there_and_higher_than_all_before() {
    for by in ["here", "there"] {
        let shop = Shop::new();
        match by {
            "here" => drop(shop.git(&["tag", "v0.2.0", "HEAD^"])),
            _ => shop.push_of_another(Some("v0.2.0")),
        }
        let told = |version: &str| {
            let ran = shop.run(&["release", version, "--json"]);
            (serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap(), ran)
        };
        let (report, ran) = told("0.2.0");
        assert_eq!(check(&report, "tag").0, "failed", "{by}: {report}");
        assert_eq!(check(&report, "version").1, "0.2.0 is not higher than 0.2.0, which is released");
        ran.refused(1, &["v0.2.0 cannot be released, for tag, version"]);
        let (report, ran) = told("0.1.9");
        assert_eq!((check(&report, "tag").0, check(&report, "version").0), ("good", "failed"), "{by}: {report}");
        ran.refused(1, &["for version;"]);
        let (_, ran) = told("v0.2.1");
        ran.ok();
    }
}

#[test]
fn a_version_is_what_was_asked_for_or_what_the_commits_say() {
    let shop = Shop::new();
    let next = |args: &[&str]| shop.release(args)["version"].as_str().unwrap().to_owned();
    let by_level = ["patch", "minor", "major", "0.7.0"].map(|wish| next(&[wish]));
    assert_eq!(by_level, ["0.1.1", "0.2.0", "1.0.0", "0.7.0"]);
    assert_eq!(next(&["minor", "--pre", "rc"]), "0.2.0-rc.1");
    assert_eq!(next(&[]), "0.1.1");
    shop.commit("feat: a second till");
    assert_eq!(next(&[]), "0.1.1");
    let breaking = shop.commit("fix(till)!: take no cheques\n\nMore.");
    let report = shop.release(&[]);
    assert_eq!((&report["version"], &report["made"]), (&"0.2.0".into(), &serde_json::Value::Null));
    assert_eq!(report["commits"][0]["commit"], breaking[..7], "{report}");
    assert_eq!(report["commits"].as_array().unwrap().len(), 1);
    let told = shop.run(&["release"]).ok().stdout;
    let parts = [
        "0.1.0 -> 0.2.0: minor (before 1.0.0), by the commits: a breaking change",
        "- **Breaking:** till: take no cheques",
        "nothing was changed; this does it:\n  cargo xtask release auto --execute",
    ];
    parts.iter().for_each(|part| assert!(told.contains(part), "{told}"));
    shop.run(&["release", "0.7"]).refused(2, &[]);
    shop.run(&["release", "0.7.0+build"]).refused(2, &[]);
}

#[test]
fn a_release_raises_every_version_and_is_one_commit_with_an_annotated_tag() {
    let shop = Shop::new();
    shop.commit("feat: a second till");
    let before = shop.head();
    let report = shop.release(&["minor", "--execute"]);
    assert_eq!((&report["made"], &report["pushed"]), (&shop.head().into(), &false.into()), "{report}");
    assert_eq!(shop.git(&["rev-list", &format!("{before}..HEAD")]), shop.head());
    assert_eq!(shop.git(&["log", "-1", "--format=%an %s"]), "Ada Release 0.2.0");
    let changed = shop.git(&["diff", "--name-only", "HEAD^"]);
    let expected =
        ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "fuzz/Cargo.lock", "fuzz/Cargo.toml", "till/Cargo.toml"];
    assert_eq!(changed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        shop.git(&["diff", "--shortstat", "HEAD^", "--", "Cargo.toml"]),
        "1 file changed, 2 insertions(+), 2 deletions(-)"
    );
    assert!(shop.read("Cargo.toml").contains("version = \"0.2.0\"   # of all that inherit it"));
    assert!(shop.read("fuzz/Cargo.toml").contains("version = \"=0.2.0\""));
    // Cargo finds nothing left to do.
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        shop.cargo(&["metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path", manifest]);
    }
    let section = "### Added\n\n- A  till\n  that rings.\n- a second till";
    let day = xtask::time::Day::today();
    let changelog =
        format!("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - {day}\n\n{section}\n\n## [0.1.0] - 2026-01-01\n");
    assert!(shop.read("CHANGELOG.md").starts_with(&changelog), "{}", shop.read("CHANGELOG.md"));
    assert_eq!(shop.git(&["cat-file", "-t", "v0.2.0"]), "tag");
    assert_eq!(shop.git(&["tag", "--list", "--format=%(contents)", "v0.2.0"]), format!("Release 0.2.0\n\n{section}"));
    assert_eq!(shop.git(&["rev-parse", "v0.2.0^{}"]), shop.head());
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    assert!(!shop.git(&["ls-remote", "origin"]).contains("v0.2.0"));
    let told = shop.run(&["release", "--resume"]).refused(2, &["v0.2.0 is made", "cargo xtask release --undo"]);
    assert_eq!(told.stdout, "");
}

#[test]
fn pre_releases_come_before_their_release_and_leave_the_changelog_to_it() {
    let shop = Shop::new();
    let unreleased = shop.read("CHANGELOG.md");
    for expected in ["0.2.0-rc.1", "0.2.0-rc.2"] {
        let report = shop.release(&["minor", "--pre", "rc", "--execute", "--push"]);
        assert_eq!((&report["version"], &report["pushed"]), (&expected.into(), &true.into()), "{report}");
        assert_eq!(shop.read("CHANGELOG.md"), unreleased);
        assert!(shop.git(&["tag", "--list", "--format=%(contents)", "v0.2.0-rc*"]).contains("that rings"));
        shop.run(&["release", "--pre", "rc"]).refused(1, &[&format!("v{expected}")]);
        shop.commit("Mend it");
    }
    shop.cargo(&["metadata", "--locked", "--offline", "--format-version", "1"]);
    let because = |args: &[&str]| shop.release(args)["because"].as_str().unwrap().to_owned();
    assert_eq!(because(&["--pre", "rc"]), "the next pre-release of it");
    assert_eq!(because(&[]), "it ends the pre-releases of it");
    let told = shop.run(&["release"]).ok().stdout;
    assert!(told.contains("0.2.0-rc.2 -> 0.2.0: it ends the pre-releases of it\n"), "{told}");
    shop.commit("fix!: take no cheques");
    assert_eq!(because(&[]), "it ends the pre-releases of it");
    assert_eq!(shop.release(&["--execute"])["version"], "0.2.0");
    assert!(shop.read("CHANGELOG.md").contains("## [0.2.0] - "));
}

#[test]
fn a_version_that_every_file_has_already_is_a_tag_alone() {
    let shop = Shop::new();
    shop.run(&["release", "minor", "--pre", "rc", "--execute"]).ok();
    shop.git(&["tag", "--delete", "v0.2.0-rc.1"]);
    let before = shop.snapshot();
    let told = shop.run(&["release", "0.2.0-rc.1"]).ok().stdout;
    assert!(told.contains("\n\ntag      v0.2.0-rc.1\n"), "{told}");
    assert!(!told.contains("\nfiles ") && !told.contains("\ncommit "), "{told}");
    let report = shop.release(&["0.2.0-rc.1", "--execute"]);
    assert_eq!((&report["made"], &report["files"]), (&shop.head().into(), &serde_json::json!([])));
    assert_eq!(shop.git(&["rev-parse", "v0.2.0-rc.1^{}"]), shop.head());
    shop.run(&["release", "--undo"]).ok();
    assert_eq!(shop.snapshot(), before);
}

#[test]
fn a_first_release_is_the_version_that_stands_there_and_needs_no_remote_and_no_changelog() {
    let shop = Shop::new();
    shop.git(&["remote", "remove", "origin"]);
    shop.git(&["tag", "--delete", "v0.1.0"]);
    shop.git(&["rm", "--quiet", "CHANGELOG.md"]);
    shop.commit("fix: the door");
    let before = shop.snapshot();
    let report = shop.release(&["--execute"]);
    assert_eq!((&report["version"], &report["files"]), (&"0.1.0".into(), &serde_json::json!(["CHANGELOG.md"])));
    assert_eq!(check(&report, "remote").0, "note");
    assert!(shop.read("CHANGELOG.md").contains("### Fixed\n\n- the door\n"));
    shop.run(&["release", "--undo"]).ok();
    assert_eq!(shop.snapshot(), before);
    shop.run(&["release", "--execute", "--push"]).refused(1, &["there is no remote `origin` to push to"]);
    assert_eq!(shop.snapshot(), before);
}
