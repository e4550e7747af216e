//! What the pages say, held against what is there: every link, every file that is named, every command. What stands in a
//! block of its own is typed, in the order of the page, in a project of the page's own.

mod elsewhere;
mod example;
mod links;
mod page;
mod stage;
mod transcript;
mod typed;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use elsewhere::{ELSEWHERE, Instead, SCENES};
use example::{Example, examples};
use links::Known;
use page::Page;
use stage::Stage;
use xtask::cli;

use crate::support::{is_a_test, named, repository};

/// Every page that git knows.
fn pages() -> Vec<Page> {
    let root = repository();
    let files = xtask::git::files(root, &["*.md"]).unwrap();
    let there = files.iter().filter_map(|path| Some((path, fs::read_to_string(root.join(path)).ok()?)));
    there.map(|(path, text)| Page::read(path, &text)).collect()
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere_and_every_file_that_is_named_exists() {
    let pages = pages();
    let known = Known::new(xtask::git::files(repository(), &[]).unwrap(), &pages);
    let links: usize = pages.iter().map(|page| page.links.len()).sum();
    assert!(pages.len() >= 16 && links >= 100, "{links} links of {} pages", pages.len());
    assert_none(
        &pages.iter().flat_map(|page| [known.wrong_links(page), known.wrong_paths(page)].concat()).collect::<Vec<_>>(),
    );
}

#[test]
fn every_command_that_is_named_is_one_that_the_command_line_takes() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let blocks = examples(&page).into_iter().map(|example| (example.line, example.command, false));
        let crontabs = page.blocks.iter().filter(|block| block.language.is_empty());
        let crontabs = crontabs.flat_map(|block| (block.line..).zip(block.lines.iter().cloned()));
        let texts = blocks.chain(crontabs.map(|(line, text)| (line, text, true)));
        let spans = page.spans.iter().map(|(line, span)| (*line, span.clone(), true));
        for (line, text, in_a_sentence) in texts.chain(spans) {
            let calls = typed::calls(&text);
            seen += calls.len();
            let refused = calls.iter().filter_map(|call| typed::refused(call, in_a_sentence));
            let unknown = typed::unknown_flags(&text).into_iter().map(|flag| format!("there is no {flag}"));
            wrong.extend(refused.chain(unknown).map(|why| format!("{}:{line}: `{text}`: {why}", page.path)));
        }
    }
    assert!(seen >= 100, "{seen}");
    assert_none(&wrong);
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(repository().join(&page.path)).unwrap();
        let missing = named(&text).into_iter().filter(|name| !is_a_test(repository(), name));
        wrong.extend(missing.map(|name| format!("{}: there is no test {name}", page.path)));
    }
    assert_none(&wrong);
}

#[test]
fn the_readme_has_a_row_for_each_verb_and_each_exit_code() {
    let readme = Page::read("README.md", &fs::read_to_string(repository().join("README.md")).unwrap());
    let command = cli::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(clap::Command::get_name);
    let spans: Vec<_> = readme.spans.iter().map(|(_, span)| span.as_str()).collect();
    let is_named = |verb: &str| spans.iter().any(|span| *span == verb || span.starts_with(&format!("{verb} ")));
    assert_none(&verbs.filter(|verb| !is_named(verb)).map(str::to_owned).collect::<Vec<_>>());

    let text = fs::read_to_string(repository().join("README.md")).unwrap();
    let number = |text: &str| text.trim().split(' ').next().and_then(|word| word.parse::<u8>().ok());
    let (_, table) = text.split_once("| Exit code |").unwrap();
    let rows = table.lines().map_while(|line| if line.contains('|') { Some(line) } else { None });
    let told: Vec<_> = rows.filter_map(|row| number(row.trim_start_matches('|'))).collect();
    let help = command.get_after_help().unwrap().to_string();
    assert_eq!(told, help.lines().filter_map(number).collect::<Vec<_>>());
}

/// What stands for typing a command, if anything does: of the lines of the table that fit, the longest one's place.
fn instead(page: &str, command: &str) -> Option<usize> {
    let words = typed::words(command);
    // What is set for this command alone is no part of its name.
    let is_set = |word: &&String| word.split_once('=').is_some_and(|(name, _)| !name.contains(['-', '/']));
    let words: Vec<_> = words.iter().skip_while(is_set).collect();
    let fits = |only: &str, start: &str| {
        let mut start = typed::words(start).into_iter();
        (only.is_empty() || only == page)
            && (0..words.len()).all(|at| start.next().is_none_or(|word| words[at].starts_with(&word)))
            && start.next().is_none()
    };
    let fitting = (0..ELSEWHERE.len()).filter(|at| fits(ELSEWHERE[*at].0, ELSEWHERE[*at].1));
    fitting.max_by_key(|at| (ELSEWHERE[*at].1.len(), ELSEWHERE[*at].0.len()))
}

#[test]
fn every_command_that_this_test_does_not_type_is_run_by_another_or_has_a_reason() {
    let (mut needed, mut scenes) = (vec![false; ELSEWHERE.len()], vec![false; SCENES.len()]);
    for page in pages() {
        for example in examples(&page) {
            instead(&page.path, &example.command).into_iter().for_each(|at| needed[at] = true);
            let scene = |at: &usize| (SCENES[*at].0, SCENES[*at].1) == (page.path.as_str(), example.heading.as_str());
            (0..SCENES.len()).filter(scene).for_each(|at| scenes[at] = true);
        }
    }
    let unneeded = (0..ELSEWHERE.len()).filter(|at| !needed[*at]);
    let unneeded = unneeded.map(|at| format!("no page has `{}` any more", ELSEWHERE[at].1));
    let unplayed = (0..SCENES.len()).filter(|at| !scenes[*at]);
    let unplayed = unplayed.map(|at| format!("{} has no command below `{}`", SCENES[at].0, SCENES[at].1));
    let missing = ELSEWHERE.iter().filter_map(|(_, command, instead)| match instead {
        Instead::Test(name) if !is_a_test(repository(), name) => Some(format!("`{command}`: there is no test {name}")),
        Instead::Nothing("") => Some(format!("`{command}`: no reason is given")),
        _ => None,
    });
    assert_none(&unneeded.chain(unplayed).chain(missing).collect::<Vec<_>>());
}

#[test]
fn what_a_page_says_to_type_can_be_typed_and_answers_as_it_shows() {
    let pages = pages();
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || pages.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).flat_map(play).collect::<Vec<_>>()
    };
    // Most of it is waiting.
    let wrong = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_none(&wrong);
}

/// Types the commands of a page, and tells what went otherwise than it says.
fn play(page: &Page) -> Vec<String> {
    let (mut stage, mut wrong, mut heading) = (None, Vec::new(), None);
    for example in examples(page).into_iter().filter(|example| instead(&page.path, &example.command).is_none()) {
        let stage = stage.get_or_insert_with(Stage::new);
        if heading.as_ref() != Some(&example.heading) {
            stage.clear();
            let scenes = SCENES.iter().filter(|scene| (scene.0, scene.1) == (page.path.as_str(), &example.heading));
            scenes.for_each(|scene| scene.2(stage));
            heading = Some(example.heading.clone());
        }
        let why = try_out(stage, &example).map(|why| format!("{}:{}: {why}", page.path, example.line));
        // At once, since what comes after it may fail for that.
        why.iter().for_each(|why| println!("{why}"));
        wrong.extend(why);
    }
    wrong
}

fn try_out(stage: &Stage, example: &Example) -> Option<String> {
    let ran = stage.type_in(&example.command);
    // Who shows an error means one.
    let is_to_fail = example.shown.iter().any(|line| line.starts_with("error:"));
    let Example { command, .. } = example;
    if (ran.code != 0) != is_to_fail {
        return Some(format!("`{command}` ended with {}:\n{}", ran.code, ran.stdout));
    }
    if example.shown.is_empty() {
        return None;
    }
    transcript::differs(&example.shown, &ran.stdout).map(|why| format!("`{command}`: {why}"))
}
