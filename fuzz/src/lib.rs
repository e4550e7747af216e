//! What is done with foreign text, and what has to be so after: the targets of the fuzzer, and of the test that runs their
//! corpora without one.

use serde::Serialize;
use xtask::config_lint::committed;
use xtask::delivery::Delivery;
use xtask::image_check::{contents, dependencies, scanner};
use xtask::ledger;
use xtask::made_of;
use xtask::prometheus;
use xtask::rollout::analysis::{Measured, Verdict};
use xtask::rollout::colour::{Colour, Split};
use xtask::rollout::record::{frozen, lineage, serving};
use xtask::rollout::request::Request;
use xtask::router::certificate::Certificate;
use xtask::router::{counters, map, processes};
use xtask::workflows::expression::{self, Scope, Status};
use xtask::workflows::model::Workflow;
use xtask::workflows::rehearse::command_file;

/// A parser, and what it is given.
pub type Target = fn(&str);
/// One of what is no text.
pub type BytesTarget = fn(&[u8]);

/// The targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 16] = [
    ("certificate", certificate),
    ("delivery", delivery),
    ("journal", journal),
    ("history", history),
    ("mailbox", mailbox),
    ("notifications", notifications),
    ("show_stat", show_stat),
    ("show_table", show_table),
    ("show_map", show_map),
    ("show_proc", show_proc),
    ("prometheus", prometheus),
    ("secret_scan", secret_scan),
    ("scanner_report", scanner_report),
    ("expression", expression),
    ("command_file", command_file),
    ("workflow", workflow),
];

/// The same for what is no text.
pub const BYTES_TARGETS: [(&str, BytesTarget); 2] =
    [("image_archive", image_archive), ("dependency_list", dependency_list)];

/// What a deployer gives the proxy to prove itself with.
pub fn certificate(text: &str) {
    match Certificate::parse(text) {
        Err(mistake) => assert!(!mistake.is_empty()),
        Ok(certificate) => assert!(!certificate.facts().serial.starts_with('0')),
    }
}

/// `delivery.toml`, and what follows from the policy of each environment.
pub fn delivery(text: &str) {
    match Delivery::parse(text) {
        Err(mistakes) => assert!(!mistakes.is_empty()),
        Ok(delivery) => delivery.environments.values().for_each(|environment| {
            assert_eq!(environment.rollout.weights().last(), Some(100));
            assert_ne!(environment.address(Colour::Blue), environment.address(Colour::Green));
            if let Some(containers) = &environment.containers {
                let subnet = containers.subnet.get_ref();
                assert!(Colour::BOTH.iter().all(|colour| subnet.contains(&containers.colour(*colour))));
                assert!(subnet.contains(&containers.dynamic()));
            }
        }),
    }
}

/// The journal of a rollout.
pub fn journal(text: &str) {
    let lines = ledger::journal(text);
    let _ = ledger::is_unfinished(&lines);
    assert_eq!(ledger::journal(&written(&lines)).len(), lines.len());
}

/// The history of an environment, and what follows from it.
pub fn history(text: &str) {
    let entries = ledger::history(text);
    assert!(lineage(&entries).len() <= entries.len());
    let _ = (serving(&entries), frozen(&entries));
    let again = written(&entries);
    assert_eq!(written(&ledger::history(&again)), again);
}

/// Who was told of what.
pub fn notifications(text: &str) {
    let told = ledger::notifications(text);
    let again = written(&told);
    assert_eq!(written(&ledger::notifications(&again)), again);
}

/// A request in the mailbox.
pub fn mailbox(text: &str) {
    let Some(request) = Request::parse(text) else { return };
    let again = written(&[request]);
    assert_eq!(written(&[Request::parse(&again)]), again);
}

/// The proxy's statistics.
pub fn show_stat(text: &str) {
    counted(text, "# table: latency");
    Colour::BOTH.iter().for_each(|colour| {
        let _ = counters::requests_told(text, *colour);
    });
}

/// The proxy's histogram, of which each row of these statistics takes its part.
pub fn show_table(text: &str) {
    const STAT: &str = "# pxname,svname,scur,stot,\ngreen,service,1,9,\nblue,fallback,0,2,\nblue,service,3,4,\n";
    counted(STAT, text);
}

/// The proxy's map.
pub fn show_map(text: &str) {
    let adds_up = |split: Split| split.share(Colour::Blue) + split.share(Colour::Green) == 100;
    assert!([map::parse(text), map::parse_file(text)].into_iter().flatten().all(adds_up));
}

/// The proxy's processes.
pub fn show_proc(text: &str) {
    assert!(processes::parse(text).worker.is_none_or(|worker| !worker.is_empty()));
}

/// What a metrics source answers, and what it is held against.
pub fn prometheus(text: &str) {
    const QUERY: &str = "name = 'errors'\nquery = 'up'\nmin = 0\nmax = 0.5";
    let query = toml::from_str(QUERY).expect("it is one");
    let answer = prometheus::parse(text).map_err(|error| format!("{error:#}"));
    let is_error = answer.is_err();
    let measured = Measured::new(&query, answer);
    assert_eq!(measured.verdict() == Verdict::Error, is_error);
    assert!(!measured.to_string().contains(char::is_control));
    let written = written(&[measured]);
    serde_json::from_str::<Measured>(&written).expect("what was written can be read");
}

/// A file that may have secrets in it; one more at its end is found whatever stands before.
pub fn secret_scan(text: &str) {
    let planted = ["\nAK", "IA", "K4QZ7XN2WJ5RT3VM"].concat();
    let text = format!("{text}{planted}");
    let found = committed::scan(text.as_bytes());
    assert!(found.iter().all(|one| one.range.start < one.range.end && one.range.end <= text.len()));
    assert!(found.windows(2).all(|two| two[0].range.end <= two[1].range.start));
    assert_eq!(found.last().map(|last| last.range.end), Some(text.len()));
}

/// What a scanner of images prints.
pub fn scanner_report(text: &str) {
    for hits in [scanner::trivy(text), scanner::grype(text)].into_iter().flatten() {
        assert!(hits.windows(2).all(|two| two[0] != two[1] && two[0].is_critical >= two[1].is_critical));
        assert!(!hits.iter().any(|hit| hit.id.contains(char::is_control) || hit.package.contains(char::is_control)));
    }
}

/// An expression of a workflow, alone, in a text and as a condition.
pub fn expression(text: &str) {
    let contexts = serde_json::json!({
        "env": { "NAME": "shop", "EMPTY": "" },
        "github": { "ref": "refs/heads/main", "event": {} },
        "inputs": { "count": 3, "dry": false, "release": null },
        "matrix": { "os": ["a", "b"] },
        "needs": { "a": { "result": "success", "outputs": { "x": "1" } } },
        "steps": {},
    });
    let contexts = contexts.as_object().expect("it is one");
    let scope = Scope { contexts, status: Some(Status { success: true, failure: false }) };
    let alone = expression::Expression::parse(text).and_then(|parsed| parsed.evaluate(&scope));
    let results = [alone.map(drop), expression::interpolate(text, &scope).map(drop)];
    let condition = expression::condition(text, &scope).map(drop);
    for mistake in results.into_iter().chain([condition]).filter_map(Result::err) {
        assert!(mistake.at <= text.len() && !mistake.message.is_empty(), "{mistake:?}");
    }
}

/// What a step of a workflow has told by a file.
pub fn command_file(text: &str) {
    match command_file::values(text) {
        Err(mistake) => assert!(mistake.starts_with("line ")),
        Ok(values) => assert!(values.iter().all(|(name, _)| !name.is_empty() && !name.contains('\n'))),
    }
}

/// What GitHub runs: it has places for all that is wrong with it, or jobs that can be put in an order.
pub fn workflow(text: &str) {
    match Workflow::parse("w.yml", text) {
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|it| it.line > 0 && it.column > 0 && !it.message.is_empty()));
        }
        Ok(workflow) => {
            let jobs = &workflow.jobs;
            assert!(jobs.iter().all(|job| workflow.needed_by(job).len() <= jobs.len()));
            let runs = jobs.iter().flat_map(|job| &job.steps).filter_map(|step| step.run.as_ref());
            runs.for_each(|run| assert!(!workflow.line(run.place.line).is_empty()));
        }
    }
}

/// What `docker save` writes. Checksums are put right, since nothing that has a wrong one is looked at any further.
pub fn image_archive(bytes: &[u8]) {
    const HEADER: usize = 512;
    let mut bytes = bytes.to_vec();
    for header in bytes.chunks_exact_mut(HEADER).filter(|header| header[257..262] == *b"ustar") {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    let Ok(contents) = contents::read(&mut bytes.as_slice()) else { return };
    let tree = contents::Tree::of(&contents);
    for entry in tree.entries() {
        assert!(tree.has(entry) && !entry.path.contains(char::is_control) && !entry.path.starts_with('/'));
        let _ = tree.find(&entry.path);
    }
    assert!(
        contents.layers.iter().all(|layer| layer.bytes() >= layer.entries.iter().map(|it| it.size).max().unwrap_or(0))
    );
}

/// A program that may say what it was made of, or the list alone.
pub fn dependency_list(bytes: &[u8]) {
    let lists = [made_of::of_program(bytes), Some(made_of::parse(bytes))];
    for packages in lists.into_iter().flatten().flatten() {
        let metadata = dependencies::metadata(&packages, "/shop/Cargo.toml");
        assert_eq!(metadata["packages"].as_array().map(Vec::len), Some(packages.len()));
        assert!(metadata["resolve"]["root"].is_string());
    }
}

fn counted(stat: &str, table: &str) {
    let Some(counters) = counters::counters_told(stat, table) else { return };
    for counters in [counters.blue, counters.green] {
        let _ = (counters.latency.total(), counters.latency.quantile(0.95));
        let _ = xtask::rollout::analysis::Sample::between(Default::default(), counters);
    }
}

fn written<T: Serialize>(all: &[T]) -> String {
    all.iter().map(|one| serde_json::to_string(one).expect("what was read can be written") + "\n").collect()
}
