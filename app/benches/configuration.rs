//! How long a start waits for its configuration, and a person for what is wrong with one: 2 ms at the most, each.
#![allow(clippy::expect_used, missing_docs, reason = "a benchmark says what is wrong by failing")]

use std::{fmt::Write, fs, hint::black_box, path::Path, time::Duration};

use app::configuration::{DEFINITION, Environment, Sources};
use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;

/// Mistakes of the second configuration.
const MISTAKES: usize = 60;

criterion_group! {
    name = configuration;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = production, mistakes
}
criterion_main!(configuration);

/// The shipped configuration of production, as a deployer starts a release: with a secret file, variables and a flag.
fn production(criterion: &mut Criterion) {
    let secrets = folder(&[("metrics.token", "open-says-me-to-the-hidden-cave-of-forty\n")]);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let mut sources = Sources::files(Environment::Production, shipped);
    sources.secrets = Some(secrets.path().to_owned());
    sources.variables = [
        ("APP__SERVER__HOST", "10.203.0.66"),
        ("APP__SERVER__PORT", "8281"),
        ("APP__RELEASE__NAME", "v1.2.3"),
        ("APP__RELEASE__COLOUR", "green"),
        ("PATH", "/usr/bin"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .to_vec();
    sources.flags = vec!["server.max_connections=10000".to_owned()];
    sources.load().expect("the shipped configuration is valid");
    criterion.bench_function("production, loaded and validated (goal: 2 ms)", |bencher| {
        bencher.iter(|| sources.load().is_ok());
    });
}

/// Sixty mistakes in files, variables and flags, found and put into words.
fn mistakes(criterion: &mut Criterion) {
    let third = MISTAKES / 3;
    let mut base = "[server]\n".to_owned();
    for number in 0..third {
        let _ = writeln!(base, "prot_{number} = {number}");
    }
    let directory = folder(&[("base.toml", &base), ("production.toml", "")]);
    let mut sources = Sources::files(Environment::Production, directory.path().to_owned());
    sources.without_secrets = true;
    sources.variables = (0..third).map(|number| (format!("APP__SERVER__PORT{number}"), "x".to_owned())).collect();
    sources.flags = (0..third).map(|number| format!("server.port=7000{number}")).collect();
    let found = sources.read(&DEFINITION).problems().len();
    assert_eq!(found, MISTAKES, "the configuration has other mistakes than it should have");
    criterion.bench_function("sixty mistakes, found and laid out", |bencher| {
        bencher.iter(|| black_box(sources.load().map_err(|problems| problems.to_string())).is_err());
    });
}

/// A folder with these files, which goes when the value does.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the files");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("the folder can be written to");
    }
    folder
}
