//! Findings out of what programs write for people.

use std::path::Path;

use super::finding::{Finding, Place};
use crate::foreign;

/// What a service that refuses its configuration has said. In the layout of rustc's diagnostics each error is a finding,
/// with the place that the line `  --> path:line:column` below it names; anything else is one finding as it is.
pub(super) fn of_service(said: &[String], root: &Path) -> Vec<Finding> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut is_of_an_error = false;
    for line in said {
        if let Some(title) = title(line, "error") {
            is_of_an_error = true;
            blocks.push(vec![title]);
        } else if title(line, "warning").is_some() {
            is_of_an_error = false;
        } else if let Some(block) = blocks.last_mut().filter(|_| is_of_an_error) {
            block.push(line);
        }
    }
    if said.is_empty() {
        return vec![Finding::new("the service refuses its configuration and does not say why")];
    }
    if blocks.is_empty() {
        return vec![Finding::new(said.join("\n"))];
    }
    blocks.into_iter().map(|block| of_block(&block, root)).collect()
}

/// A line of this program's own: `file:line:column: message` or `file: message`, where there is such a file.
pub(super) fn of_line(line: &str, root: &Path) -> Finding {
    let with_line = || {
        let (file, number, _, rest) = foreign::place(line)?;
        Some((place(file, Some(number), root)?, rest.strip_prefix(": ")?))
    };
    let with_file = || {
        let (file, rest) = line.split_once(": ")?;
        Some((place(file, None, root)?, rest))
    };
    match with_line().or_else(with_file) {
        Some((place, message)) => Finding { place: Some(place), message: message.to_owned() },
        None => Finding::new(line),
    }
}

/// A mistake in a TOML file, whose parser tells the line in its own words.
pub(super) fn of_toml(mistake: &str, root: &Path) -> Finding {
    let mut finding = of_line(mistake, root);
    let line = finding.message.strip_prefix("TOML parse error at line ").and_then(foreign::number);
    if let (Some(place), Some((line, _))) = (&mut finding.place, line) {
        place.line = usize::try_from(line).ok();
    }
    finding
}

/// What follows `error: ` or `error[code]: `.
fn title<'a>(line: &'a str, level: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(level)?;
    let rest = rest.strip_prefix('[').map_or(Some(rest), |code| code.split_once(']').map(|(_, rest)| rest))?;
    rest.strip_prefix(": ")
}

fn of_block(block: &[&str], root: &Path) -> Finding {
    let arrow = |line: &&str| {
        let (file, number, _, rest) = foreign::place(line.trim_start().strip_prefix("--> ")?)?;
        place(file, Some(number), root).filter(|_| rest.trim().is_empty())
    };
    let at = block.iter().position(|line| arrow(line).is_some());
    let place = at.and_then(|at| block.get(at).and_then(arrow));
    let lines = block.iter().enumerate().filter(|(number, _)| Some(*number) != at).map(|(_, line)| *line);
    let lines: Vec<_> = lines.collect();
    let more = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let indent = more.map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
    let title = lines.iter().take(1).copied();
    let more = lines.iter().skip(1).map(|line| line.get(indent..).unwrap_or(line.trim_start()));
    let message = title.chain(more).collect::<Vec<_>>().join("\n").trim_end().to_owned();
    Finding { place, message }
}

/// A place in the project; what lies outside of it, or does not exist, is none.
fn place(file: &str, line: Option<u64>, root: &Path) -> Option<Place> {
    let file = foreign::relative(file, root);
    let is_there = Path::new(&file).is_relative() && root.join(&file).is_file();
    is_there.then(|| Place { file, line: line.and_then(|line| usize::try_from(line).ok()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn root() -> TempDir {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/base.toml"), "").unwrap();
        dir
    }

    fn of(said: &str) -> Vec<Finding> {
        let dir = root();
        let said = said.replace("ROOT", dir.path().to_str().unwrap());
        of_service(&said.lines().map(str::to_owned).collect::<Vec<_>>(), dir.path())
    }

    #[test]
    fn an_error_is_told_at_the_line_it_points_to() {
        let said = "checking\nerror: server.prot: no such setting\n  --> ROOT/config/base.toml:2:1\n  did you mean: server.port\n\
                    warning: odd\n  --> config/base.toml:9:1\n\
                    error[E1]: no\n --> ./config/base.toml:7:3\n  |\n7 | prot = 1\n  | ^^^^ here\n";
        let expected = [
            Finding::at("config/base.toml", 2, "server.prot: no such setting\ndid you mean: server.port"),
            Finding::at("config/base.toml", 7, "no\n  |\n7 | prot = 1\n  | ^^^^ here"),
        ];
        assert_eq!(of(said), expected);
        // It may end anywhere.
        for (end, _) in said.char_indices() {
            assert!(!of(&said[..end]).is_empty(), "{end}");
        }
    }

    #[test]
    fn what_points_to_no_file_of_the_project_keeps_its_words_and_has_no_place() {
        let said = "error: a\n  --> variable SHOP__A\nerror: b\n  --> /etc/passwd:1:1\nerror: c\n  --> none.toml:1:1\n";
        let expected = ["a\n--> variable SHOP__A", "b\n--> /etc/passwd:1:1", "c\n--> none.toml:1:1"].map(Finding::new);
        assert_eq!(of(said), expected);
        assert_eq!(of("").len(), 1);
        assert_eq!(of("thread panicked\nerrors: 3"), [Finding::new("thread panicked\nerrors: 3")]);
    }

    #[test]
    fn a_line_of_this_program_s_own_has_its_place() {
        let dir = root();
        let of = |line: &str| of_line(line, dir.path());
        assert_eq!(of("config/base.toml:2:5: a: b"), Finding::at("config/base.toml", 2, "a: b"));
        assert_eq!(of("config/base.toml: a: b"), Finding::of("config/base.toml", "a: b"));
        let toml = "TOML parse error at line 3, column 1\n  |\n3 | x";
        assert_eq!(of_toml(&format!("config/base.toml: {toml}"), dir.path()), Finding::at("config/base.toml", 3, toml));
        assert_eq!(of_toml("config/base.toml:2:5: a", dir.path()), Finding::at("config/base.toml", 2, "a"));
        for line in ["staging: no", "127.0.0.1:80: refused", "config: a folder", "config/base.toml:2"] {
            assert_eq!(of(line), Finding::new(line));
        }
    }
}
