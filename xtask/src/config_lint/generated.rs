//! Files that hold what the service prints: whether they do, and writing them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use super::finding::Finding;
use super::lines::Lines;
use super::service::Binary;
use crate::foreign::first;
use crate::host::{Host as _, Local};
use crate::say;

/// How much of a line is shown, in bytes.
const SHOWN: usize = 200;
/// What is typed to have them written.
const FIX: &str = "cargo xtask config-lint --fix";

/// The files of `service.generated` that are not what the service prints. With `fix` they are written anew, and only what
/// is then still wrong is told. A command that gives nothing to write leaves its files as they are.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn findings(binary: &Binary<'_>, lines: &Lines<'_>, fix: bool) -> anyhow::Result<Vec<Finding>> {
    let root = &binary.project.root;
    let (mut findings, mut printed) = (Vec::new(), BTreeMap::new());
    for (file, args) in &binary.project.delivery.service.generated {
        let at = |message: String| lines.finding(&["service", "generated", file], message);
        if !Path::new(file).components().all(|part| matches!(part, Component::Normal(_))) || file.is_empty() {
            findings.push(at(format!("`{file}` is not the path of a file below the project's root")));
            continue;
        }
        let command = binary.line(args);
        let text = match printed.entry(args).or_insert_with(|| binary.print(args)) {
            Ok(text) => text.as_str(),
            Err(reason) => {
                findings.push(at(format!("`{file}` cannot be compared: `{command}` {reason}")));
                continue;
            }
        };
        let path = root.join(file);
        let held = path.exists().then(|| fs::read(&path)).transpose()?;
        let Some(drifted) = drift(file, held.as_deref(), text, &command) else { continue };
        if fix {
            Local::new(root).replace(file, text)?;
            say!("wrote {file}, which `{command}` prints");
        } else {
            findings.push(drifted);
        }
    }
    Ok(findings)
}

/// What a file has differently, told at the first line.
fn drift(file: &str, held: Option<&[u8]>, printed: &str, command: &str) -> Option<Finding> {
    let Some(held) = held else {
        return Some(Finding::of(file, format!("does not exist; `{command}` prints it: {FIX}")));
    };
    if held == printed.as_bytes() {
        return None;
    }
    let held = String::from_utf8_lossy(held);
    // The end of a line counts too: the file may lack the last one, or have others.
    let (mut is, mut should) = (held.split_inclusive('\n'), printed.split_inclusive('\n'));
    let mut line = 1;
    let (is, should) = loop {
        match (is.next(), should.next()) {
            (Some(is), Some(should)) if is == should => line += 1,
            differing => break differing,
        }
    };
    let shown =
        |line: Option<&str>| line.map_or("the end of the file".into(), |line| format!("{:?}", first(line, SHOWN)));
    let message = format!("is not what `{command}` prints: {FIX}\nis:     {}\nprinted: {}", shown(is), shown(should));
    // Where the file ends too early there is no such line in it.
    let line = if is.is_none() { (line - 1).max(1) } else { line };
    Some(Finding::at(file, line, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_lint::service::tests::Scripted;

    const SCRIPT: &str = "echo run >> runs\ncase \"$*\" in\nbroken) echo half; exit 1 ;;\nempty) ;;\nprinted) printf 'one\\ntwo\\n' ;;\nesac\n";

    fn generated(table: &str) -> Scripted {
        Scripted::new(SCRIPT, &format!("[service.generated]\n{table}"))
    }

    fn found(shop: &Scripted, fix: bool) -> Vec<Finding> {
        findings(&shop.binary(), &Lines::of(&shop.text), fix).unwrap()
    }

    fn read(shop: &Scripted, file: &str) -> String {
        fs::read_to_string(shop.project.root.join(file)).unwrap()
    }

    #[test]
    fn a_file_that_has_drifted_or_is_missing_is_told_and_written_anew_by_one_run() {
        let shop = generated("a = [\"printed\"]\n\"new/b.json\" = [\"printed\"]\nc = [\"printed\"]\n");
        shop.repository.write("a", "one\nTWO\n");
        shop.repository.write("c", "one\ntwo\n");
        let told = found(&shop, false);
        let message =
            "is not what `shop printed` prints: cargo xtask config-lint --fix\nis:     \"TWO\\n\"\nprinted: \"two\\n\"";
        assert_eq!(told[0], Finding::at("a", 2, message));
        let message = "does not exist; `shop printed` prints it: cargo xtask config-lint --fix";
        assert_eq!(told[1..], [Finding::of("new/b.json", message)]);
        assert_eq!(read(&shop, "runs"), "run\n");
        assert_eq!(found(&shop, true), []);
        assert_eq!(["a", "new/b.json"].map(|file| read(&shop, file)), ["one\ntwo\n"; 2]);
        assert_eq!(found(&shop, false), []);
        // Nothing is left of how it was written.
        assert!(!shop.project.root.join("a.new").exists());
    }

    #[test]
    fn a_command_that_gives_nothing_to_write_overwrites_nothing() {
        let shop = generated("a = [\"broken\"]\nb = [\"empty\"]\n\"../c\" = [\"printed\"]\n\"/d\" = [\"printed\"]\n");
        for file in ["a", "b"] {
            shop.repository.write(file, "mine");
        }
        for fix in [false, true] {
            let told: Vec<_> = found(&shop, fix).iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), 4, "{told:#?}");
            let expected = [
                "`../c` is not the path",
                "`/d` is not",
                "`a` cannot be compared: `shop broken` fails: exit",
                "`b` cannot be compared: `shop empty` prints nothing",
            ];
            for (told, expected) in told.iter().zip(expected) {
                assert!(told.starts_with("config/delivery.toml:") && told.contains(expected), "{expected} in {told}");
            }
            assert_eq!(["a", "b"].map(|file| read(&shop, file)), ["mine"; 2]);
            assert!(!shop.project.root.join("../c").exists());
        }
    }

    #[test]
    fn the_first_line_that_differs_is_told_at_either_end() {
        let line = |held: &str, printed: &str| {
            let found = drift("a", Some(held.as_bytes()), printed, "x");
            found.map(|finding| (finding.place.unwrap().line.unwrap(), finding.message))
        };
        assert_eq!(line("a\nb\n", "a\nb\n"), None);
        assert_eq!(line("a\nb", "a\nb\n").unwrap().0, 2);
        let (number, message) = line("a\nb\nc\n", "a\nb\n").unwrap();
        assert!(number == 3 && message.ends_with("is:     \"c\\n\"\nprinted: the end of the file"), "{message}");
        let (number, message) = line("a\n", "a\nb\n").unwrap();
        assert!(number == 1 && message.contains("is:     the end of the file"), "{message}");
        assert_eq!(line("", "a\n").unwrap().0, 1);
        assert_eq!(line("a\r\n", "a\n").unwrap().0, 1);
    }
}
