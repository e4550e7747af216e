//! What the fuzzer runs for hours, for some seconds and without it: see `fuzz/`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test says what is wrong by failing")]
#![allow(unreachable_pub, dead_code, reason = "the fuzzer's crate and the tests share it")]

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/service.rs"]
mod targets;

/// Of each file: a whole configuration takes a millisecond.
const MUTATIONS: u64 = 300;

#[test]
fn every_layer_and_what_is_like_it_goes_through_the_loader_and_shows_no_secret() {
    corpus::run("configuration", targets::configuration, MUTATIONS);
}
