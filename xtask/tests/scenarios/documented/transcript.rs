//! Whether a command has answered as a page shows it: in the same lines, whatever the names, times and addresses in them.

/// Where the answer differs in its shape from what is shown, both; nothing where it is the same. `…` on a line of its own
/// stands for any number of lines.
pub fn differs(shown: &[String], answered: &str) -> Option<String> {
    let shapes =
        |lines: &mut dyn Iterator<Item = &str>| lines.filter(|line| counts(line)).map(shape).collect::<Vec<_>>();
    let expected = shapes(&mut shown.iter().map(String::as_str));
    let answer = shapes(&mut answered.lines());
    if fits(&expected, &answer) {
        return None;
    }
    let first = expected.iter().find(|line| *line != "…" && !answer.contains(line));
    Some(format!("of the lines shown, `{}` is not where it was:\n{answered}", first.map_or("one", |line| line)))
}

/// How long something takes decides how often it is waited for, and what cargo has built before is this machine's.
fn counts(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !["waiting ", "Compiling ", "Finished "].iter().any(|start| line.starts_with(start))
}

fn fits(expected: &[String], answer: &[String]) -> bool {
    match (expected.split_first(), answer.split_first()) {
        (None, None) => true,
        (Some((gap, rest)), _) if gap == "…" => (0..=answer.len()).any(|skipped| fits(rest, &answer[skipped..])),
        (Some((line, lines)), Some((next, others))) => line == next && fits(lines, others),
        _ => false,
    }
}

/// A line with `#` for each word that has a digit in it and is no small number, or names somebody, and with one space for many.
fn shape(line: &str) -> String {
    let is_json = line.starts_with('{');
    let is_of_a_word = |letter: char| letter.is_alphanumeric() || "._:+@/-".contains(letter);
    let (mut shape, mut rest) = (String::new(), line.trim());
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|letter| is_of_a_word(letter) != is_of_a_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        rest = after;
        if !is_of_a_word(first) {
            let one = word.split_inclusive(' ').filter(|part| *part != " ").collect::<String>();
            shape += if word.starts_with(' ') { " " } else { "" };
            shape += &one;
            continue;
        }
        let core = word.trim_matches([':', '.']);
        let is_small = core.len() <= 3 && core.bytes().all(|digit| digit.is_ascii_digit());
        let has_digit = core.contains(|letter: char| letter.is_ascii_digit());
        // Who does it, and where.
        let varies = core.contains('@') || has_digit && (is_json || !is_small);
        shape += if varies { "#" } else { word };
    }
    // Whose process it is.
    if let Some((before, after)) = shape.split_once(" (pid #)") {
        let before = before.rsplit_once(' ').map_or("", |(before, _)| before);
        return format!("{before} # (pid #){after}");
    }
    // What takes no time is told without one.
    shape.strip_suffix(" (#)").unwrap_or(&shape).to_owned()
}

#[test]
fn names_times_and_addresses_may_differ_and_words_and_shares_may_not() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let answer = "deploy 1.2.0-abc1, in 2 steps\n  waiting  for blue\n  done     blue 90 %, green 10 %  (1.5s)\n\n  http://127.0.0.1:81\n";
    for same in [
        "deploy v2, in 2 steps\n  done  blue 90 %, green 10 %  (3ms)\n  http://127.0.0.1:8080",
        "…\n  done     blue 90 %, green 10 %\n  waiting  for green\n  http://127.0.0.1:8080",
        "deploy v2, in 2 steps\n…",
    ] {
        assert_eq!(differs(&shown(same), answer), None);
    }
    for other in [
        "deploy v2, in 3 steps\n…",
        "…\n  done     blue 95 %, green 5 %  (3ms)\n…",
        "deploy v2, in 2 steps\n  http://127.0.0.1:8080",
        "deploy v2, in 2 steps",
        "deploy v2, in 2 steps\n…\nand more",
    ] {
        assert!(differs(&shown(other), answer).is_some(), "{other}");
    }
    let taken = |by: &str| format!("error: 127.0.0.1:80 is taken by {by}. End it.");
    assert_eq!(differs(&[taken("python3 (pid 11728)")], &taken("sshd (pid 1730)")), None);
    assert_eq!(differs(&["deploy v4 by anna@desk: drain blue".into()], "deploy v4 by uid0@vm: drain blue"), None);
    let event = |at: &str| format!("{{\"at\":\"{at}\",\"event\":\"finished\",\"millis\":{}}}", at.len());
    assert_eq!(differs(&[event("2026-11-25")], &event("2027-01-02T03:04")), None);
    assert!(differs(&[event("2026-11-25")], &event("2026-11-25").replace("finished", "failed")).is_some());
}
