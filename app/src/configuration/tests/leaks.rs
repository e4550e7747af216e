//! Whatever a slip of the finger does to a file, what is nobody's business stays so.

use std::path::Path;

use super::{
    super::{DEFINITION, file},
    Trial,
};

const PLANTED: &str = "hunter2";

/// Valid TOML, with the planted text as each kind of thing that may not be shown.
const FILES: [&str; 4] = [
    "# hunter2\n[server]\nport = 8081 # hunter2\nhost = \"127.0.0.1\"\n\n[metrics]\ntoken = \"hunter2\"\n\n[log]\n\
     level = \"info\"# hunter2\npassword = 'hunter2'\n",
    "metrics = { token = \"hunter2\" }\nserver = { port = 8081, tokn = \"hunter2\", host = \"::1\" }\n\
     cors = { allowed_origins = [\"*\"], key = [\"hunter2\"] }\n",
    "[cors]\nallowed_origins = [\n    \"https://shop.example\", # hunter2\n]\n[metrics]\ntoken = \"\"\"\nhunter2==\n\
     port = hunter2\n\"\"\"\n[server]\nport = 8081\n[database]\nport = \"hunter2\"\n",
    "metrics.token = 'hunter2'\nlog.level = 'info'\nrelease.name = 'v1' \ndatabase.keys = [\n  'hunter2=',\n]\nserver.port = 1\n",
];

/// What is put in, or in place of a character.
const SLIPS: [&str; 18] =
    ["", "\"", "'", "=", "[", "]", "{", "}", "#", "\n", ",", ".", " ", "\"\"\"", "'''", "\\", ":", "ü"];

/// What a layer holds is all that anybody can print of it.
#[track_caller]
fn assert_quiet(text: &str) {
    let layer = file::read_text(&DEFINITION, Path::new("base.toml"), text);
    let held = format!("{layer:?}");
    assert!(!held.contains(PLANTED), "{text}\n{held}");
}

fn is_within_planted(text: &str, at: usize) -> bool {
    text.match_indices(PLANTED).any(|(start, _)| (start + 1..start + PLANTED.len()).contains(&at))
}

fn slips(text: &str) -> impl Iterator<Item = String> {
    let places = text.char_indices().filter(|(at, _)| !is_within_planted(text, *at));
    places.flat_map(move |(at, character)| {
        SLIPS.iter().flat_map(move |slip| {
            let (before, from) = text.split_at(at);
            let behind = &from[character.len_utf8()..];
            [format!("{before}{slip}{from}"), format!("{before}{slip}{behind}")]
        })
    })
}

#[test]
fn one_slip_anywhere_shows_no_secret() {
    for text in FILES {
        assert_quiet(text);
        // A fifth of them, with every slip at every fifth place; all take a minute.
        slips(text).step_by(5).for_each(|text| assert_quiet(&text));
    }
}

#[test]
fn two_slips_show_no_secret_either() {
    for text in FILES {
        // Every pair would take minutes; this steps through them with strides that share no factor.
        let once: Vec<_> = slips(text).step_by(331).collect();
        for text in once {
            slips(&text).step_by(173).for_each(|text| assert_quiet(&text));
        }
    }
}

#[test]
fn sources_name_what_they_have_and_do_not_show_it() {
    let trial = Trial::development().variable("APP__METRICS__TOKEN", PLANTED).flag("metrics.token=hunter2");
    let shown = format!("{:?}", trial.sources);
    assert!(shown.contains("APP__METRICS__TOKEN") && !shown.contains(PLANTED), "{shown}");
}
