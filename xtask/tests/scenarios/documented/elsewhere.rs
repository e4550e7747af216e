//! Which commands of the pages are not typed by this test, and what holds them instead; and what stands before those that
//! are. To add a command that this test cannot type, add a line for its verb.

use super::stage::Stage;

/// What stands for typing a command.
pub enum Instead {
    /// A test that runs it, as nextest names it.
    Test(&'static str),
    /// Why no test can.
    Nothing(&'static str),
}
use Instead::{Nothing, Test};

/// By page, where one alone is meant, and the words that a command begins with; of two that fit, the longer counts.
pub const ELSEWHERE: &[(&str, &str, Instead)] = &[
    (
        "",
        "cargo xtask ci",
        Test("xtask::scenarios pipeline::what_fails_is_told_to_people_and_to_programs_with_place_and_remedy"),
    ),
    (
        "",
        "cargo xtask ci --why",
        Test("xtask::scenarios pipeline::a_change_of_each_kind_makes_a_step_run_again_and_nothing_else_does"),
    ),
    (
        "",
        "cargo xtask coverage",
        Test("xtask::scenarios coverage::coverage_is_held_against_a_floor_that_may_rise_and_not_fall"),
    ),
    (
        "",
        "cargo xtask advisories",
        Test("xtask::scenarios advisories::what_is_fetched_is_that_of_the_configured_repository"),
    ),
    (
        "",
        "cargo xtask image-check",
        Test("xtask::scenarios images::checked::each_spoiled_image_is_caught_by_the_row_meant_for_it_and_by_no_other"),
    ),
    (
        "",
        "cargo xtask bench service",
        Test("xtask::scenarios bench::a_slower_service_a_failing_one_and_one_that_dies_are_found_out"),
    ),
    ("", "cargo xtask doctor", Test("xtask::scenarios lifecycle::doctor_says_what_is_there")),
    (
        "",
        "cargo xtask setup --tools",
        Test("xtask::scenarios tools::a_tool_is_installed_once_and_then_found_without_anybody_s_help"),
    ),
    ("", "cargo xtask setup --update-pin", Nothing("it asks a package registry for the newest version")),
    (
        "",
        "cargo xtask certificate",
        Test(
            "xtask::scenarios certificate::on_process::a_renewed_certificate_is_taken_over_under_load_without_losing_a_connection",
        ),
    ),
    (
        "",
        "cargo xtask monitoring",
        Test(
            "xtask::scenarios monitoring::on_compose::prometheus_sees_both_colours_by_their_token_and_down_leaves_nothing_of_it",
        ),
    ),
    ("docs/rollout.md", "cargo test", Test("xtask rollout::sim::two_faults_in_one_history_are_recovered_from_as_well")),
    (
        "docs/rollout.md",
        "cargo xtask deploy-blue-green --release bad2",
        Test(
            "xtask::scenarios rejected::on_process::a_candidate_that_fails_some_of_its_requests_is_judged_and_taken_back",
        ),
    ),
    (
        "docs/configuration.md",
        "cargo xtask config-lint",
        Test("xtask::scenarios linted::every_file_that_is_wrong_about_a_variable_or_a_secret_is_told_in_one_run"),
    ),
    ("", "cargo run --package app -- serve", Test("app::it process::sigterm_and_sigint_drain_and_exit_0")),
    (
        "docs/notifications.md",
        "cargo xtask history",
        Test("xtask::scenarios notified::a_rollout_tells_of_its_beginning_and_its_end_and_it_is_on_record"),
    ),
    ("", "cargo xtask notify", Test("xtask::scenarios notified::what_is_told_by_hand_is_answered_for_each_channel")),
    (
        "",
        "cargo xtask release",
        Test("xtask::scenarios released::a_release_raises_every_version_and_is_one_commit_with_an_annotated_tag"),
    ),
    (
        "",
        "cargo xtask release --resume",
        Test("xtask::scenarios released::killed::a_release_that_is_killed_at_any_point_is_gone_on_with_or_taken_back"),
    ),
    (
        "",
        "cargo xtask release --undo",
        Test("xtask::scenarios released::killed::a_release_that_is_killed_at_any_point_is_gone_on_with_or_taken_back"),
    ),
    (
        "",
        "cargo xtask tag",
        Test(
            "xtask::scenarios released::tagged::a_commit_has_one_name_by_its_tag_by_the_workspace_or_by_what_comes_next",
        ),
    ),
    (
        "",
        "cargo xtask workflows --rehearse",
        Test(
            "xtask::scenarios containers::rehearsed::a_commit_on_main_comes_to_staging_to_production_once_approved_and_back",
        ),
    ),
    (
        "docs/remote.md",
        "cargo xtask recover",
        Test(
            "xtask::scenarios containers::remote::a_deployer_that_is_cut_off_in_the_midst_of_a_shift_loses_no_request_and_recovers",
        ),
    ),
    ("docs/remote.md", "adduser", Nothing("it is for root, on a machine of the reader's")),
    ("docs/remote.md", "usermod", Nothing("it is for root, on a machine of the reader's")),
    ("docs/remote.md", "ssh-keygen", Nothing("it is about a key and a host of the reader's")),
    ("docs/remote.md", "ssh-keyscan", Nothing("it is about a host of the reader's")),
    ("", "cargo bench", Nothing("it prints figures and holds none")),
    ("", "cargo install", Nothing("it fetches a crate and compiles it for minutes")),
    (
        "",
        "cargo +nightly fuzz",
        Nothing("it takes a nightly compiler and has no end; the test `corpus` runs the same targets"),
    ),
    ("", "gh attestation verify", Nothing("it asks GitHub about an image that was pushed there")),
    ("", "git add", Nothing("it is git's")),
    ("", "docker", Nothing("it takes an engine with an environment of this name")),
    ("", "export PRODUCTION_TLS_CERTIFICATE", Nothing("it takes a certificate of the reader's")),
];

/// A page, one of its headings, and what brings it about.
pub type Scene = (&'static str, &'static str, fn(&mut Stage));

/// What has happened before the first command below a heading is typed.
pub const SCENES: &[Scene] = &[
    ("docs/rollout.md", "What happens at a deploy", |stage| stage.served(&["v1"])),
    ("docs/rollout.md", "What one sees", |stage| stage.served(&["v2", "v3"])),
    ("docs/runbook.md", "Look first", |stage| stage.served(&["v1", "v2"])),
    ("docs/runbook.md", "While it is being rolled out", |stage| stage.rolling("v3")),
    ("docs/runbook.md", "The active colour is down", |stage| {
        stage.served(&["v3"]);
        stage.active_colour_gone();
    }),
    ("docs/runbook.md", "A deploy hangs", |stage| stage.rolling("v4")),
    ("docs/runbook.md", "A rollout was left as it stands", |stage| stage.frozen("v5")),
    ("docs/runbook.md", "The deployer died", |stage| stage.deployer_dead("v6")),
    ("docs/runbook.md", "The proxy is dead", Stage::proxy_gone),
    ("docs/runbook.md", "A port is taken", Stage::port_taken),
    ("docs/runbook.md", "The machine was restarted", |stage| {
        stage.served(&["v1"]);
        stage.everything_gone();
    }),
];
