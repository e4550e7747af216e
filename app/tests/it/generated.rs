//! The files that are generated from the definition of the settings and checked in.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{app, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[track_caller]
fn is_generated(file: &str, subcommand: &str) {
    let (code, generated, problems) = run(&mut app(&["config", subcommand]));
    assert_eq!((code, problems.as_str()), (0, ""));
    let kept = fs::read_to_string(root().join(file)).unwrap();
    assert!(
        kept == generated,
        "{file} is not what the definition of the settings gives; generate it anew:\n\
         cargo run --quiet --package app -- config {subcommand} > {file}"
    );
}

#[test]
fn the_schema_is_up_to_date() {
    is_generated("config/schema.json", "schema");
}

#[test]
fn the_template_is_up_to_date() {
    is_generated(".env.template", "env-template");
}

#[test]
fn the_reference_is_up_to_date() {
    is_generated("docs/settings.md", "reference");
}

/// The explanation that the binary gives after a shell has taken `variables` in, as the template says to.
fn explained_after(variables: &str) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".env"), variables).unwrap();
    let plain = app(&["config", "explain", "--env", "development"]);
    let mut command = Command::new("sh");
    command.args(["-c", "set -a; . ./.env; set +a; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let (code, output, problems) = run(command.current_dir(folder.path()));
    assert_eq!((code, problems.as_str()), (0, ""));
    output
}

#[test]
fn a_copied_template_changes_nothing() {
    let template = fs::read_to_string(root().join(".env.template")).unwrap();
    assert_eq!(explained_after(&template), explained_after(""));
}

#[test]
fn a_setting_taken_out_of_its_comment_in_a_copied_template_counts() {
    let template = fs::read_to_string(root().join(".env.template")).unwrap();
    let edited = template.replace("#APP__SERVER__PORT=8081", "APP__SERVER__PORT=9000");
    let explained = explained_after(&edited);
    assert!(explained.contains("server.port = 9000\n    from variable APP__SERVER__PORT\n"), "{explained}");
}
