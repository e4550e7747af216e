//! What the fuzzer runs for hours, for some seconds and without it: every file of the corpora, and some thousand mutations.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test says what is wrong by failing")]
#![allow(unreachable_pub, reason = "the fuzzer's crate and the tests are all that use it")]

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Of each file; what a file is worth depends on its size as little as on its name.
const MUTATIONS: u64 = 2000;
/// Of a file that is no text: an archive is a hundred times as long as any line.
const MUTATIONS_OF_BYTES: u64 = 250;

#[test]
fn every_corpus_and_what_is_like_it_goes_through_its_parser() {
    targets::TARGETS.iter().for_each(|(name, target)| corpus::run(name, *target, MUTATIONS));
    targets::BYTES_TARGETS.iter().for_each(|(name, target)| corpus::run_bytes(name, *target, MUTATIONS_OF_BYTES));
}

#[test]
fn a_corpus_without_a_target_is_no_corpus() {
    let folders = std::fs::read_dir(corpus::folder()).unwrap().map(|entry| entry.unwrap().file_name());
    for folder in folders {
        let program = corpus::folder().join("../fuzz_targets").join(&folder).with_extension("rs");
        assert!(program.is_file(), "{folder:?} is for no target");
    }
}
