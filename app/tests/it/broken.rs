//! Broken configurations, one file each in `broken/`: the mistake, what is given, and what the binary says to it.
//!
//! A file begins with a sentence about the mistake. Sections follow, each headed by `=== NAME`: `environment`; files such as
//! `config/base.toml` and `secrets/metrics.token`; `variables` and `arguments`, one a line; and `output`. `=== NAME escaped`
//! has `\xff`, `\r`, `\n` and `\t` in its text and no line break at its end; `folder`, `link to itself`, `unreadable` and
//! `missing` are what they say instead of a file.
//!
//! `UPDATE_EXPECT=1 cargo test -p app --test it broken` writes what is said now into the files; `git diff` shows the rest.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::support::{app, run};

/// What a case plants where nobody may see it.
const PLANTED: &str = "hunter2";

/// A user who may read nothing that is not for everybody.
const NOBODY: u32 = 65_534;

struct Case {
    path: PathBuf,
    text: String,
}

struct Section<'t> {
    name: &'t str,
    how: &'t str,
    text: &'t str,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| Case { text: fs::read_to_string(&path).unwrap(), path }).collect()
}

impl Case {
    fn sections(&self) -> impl Iterator<Item = Section<'_>> {
        self.text.split("\n=== ").skip(1).map(|section| {
            let (head, text) = section.split_once('\n').unwrap_or((section, ""));
            let (name, how) = head.split_once(' ').unwrap_or((head, ""));
            // The line break in front of the next section is part of the separator.
            Section { name, how, text }
        })
    }

    fn input(&self) -> &str {
        self.text.split("\n=== output").next().unwrap()
    }

    fn expected(&self) -> &str {
        self.text.split_once("\n=== output\n").map_or("", |(_, output)| output)
    }

    /// What the binary says, with the exit code it must have.
    fn output(&self) -> String {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        for name in ["base", "development", "staging", "production"] {
            fs::write(folder.path().join(format!("config/{name}.toml")), "").unwrap();
        }
        let mut command = app(&["config", "check"]);
        command.current_dir(&folder).env("APP_CONFIG_DIR", "config").env("APP_ENV", "development");
        for section in self.sections().filter(|section| section.name != "output") {
            section.apply(&mut command, folder.path());
        }
        let (code, output, problems) = run(&mut command);
        assert_eq!(code, 78, "{}: {problems}", self.path.display());
        assert!(!output.contains(PLANTED), "{}: {output}", self.path.display());
        problems.replace(&format!("uid {}", user()), "uid USER")
    }
}

impl Section<'_> {
    fn apply(&self, command: &mut Command, folder: &Path) {
        match self.name {
            "environment" => drop(command.env("APP_ENV", self.text.trim())),
            "arguments" => drop(command.args(self.lines())),
            "variables" => self.lines().into_iter().for_each(|line| {
                let (name, text) = line.split_once('=').unwrap();
                command.env(name, text);
            }),
            name => self.make(command, &folder.join(name)),
        }
        if self.name.starts_with("secrets/") {
            command.env("APP_SECRETS_DIR", "secrets");
        }
    }

    fn make(&self, command: &mut Command, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
        match self.how {
            "missing" => {}
            "folder" => fs::create_dir(path).unwrap(),
            "link to itself" => symlink(path, path).unwrap(),
            "unreadable" => {
                fs::write(path, self.text).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
                if geteuid().is_root() {
                    // Where coverage is measured, nobody could write down what was run, and would complain.
                    command.uid(NOBODY).env("LLVM_PROFILE_FILE", "/dev/null");
                }
            }
            "escaped" => fs::write(path, unescaped(self.text)).unwrap(),
            "" => fs::write(path, format!("{}\n", self.text)).unwrap(),
            how => panic!("{}: {how}", self.name),
        }
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.text.lines().filter(|line| !line.is_empty());
        let line = |line: &str| match self.how {
            "escaped" => String::from_utf8(unescaped(line)).unwrap(),
            _ => line.to_owned(),
        };
        lines.map(line).collect()
    }
}

/// Who runs a case that has a file which is not readable.
fn user() -> u32 {
    if geteuid().is_root() { NOBODY } else { geteuid().as_raw() }
}

/// `\xff`, `\r`, `\n` and `\t`, and nothing else.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, length) = match &part[..1] {
            "x" => (u8::from_str_radix(&part[1..3], 16).unwrap(), 3),
            "r" => (b'\r', 1),
            "n" => (b'\n', 1),
            "t" => (b'\t', 1),
            other => panic!("\\{other}"),
        };
        bytes.push(byte);
        bytes.extend(part[length..].bytes());
    }
    bytes
}

#[test]
fn every_mistake_is_told_as_its_file_says() {
    let is_update = std::env::var_os("UPDATE_EXPECT").is_some_and(|set| set == "1");
    let mut wrong = Vec::new();
    for case in cases() {
        let output = case.output();
        let is_planted = case.input().contains(PLANTED);
        assert!(!is_planted || !output.contains("unter"), "{}: {output}", case.path.display());
        for problem in output.split("\n\n") {
            assert!(problem.starts_with("error: "), "{}: {problem}", case.path.display());
        }
        if output != case.expected() {
            if is_update {
                fs::write(&case.path, format!("{}\n=== output\n{output}", case.input())).unwrap();
            } else {
                let name = case.path.file_name().unwrap().to_string_lossy().into_owned();
                wrong.push(format!("{name} expects\n{}\nbut what is said is\n{output}", case.expected()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 writes what is said now into the files", wrong.join("\n\n"));
}

#[test]
fn there_are_sixty_mistakes_at_least_and_a_secret_in_many() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let planted = cases.iter().filter(|case| case.input().contains(PLANTED)).count();
    assert!(planted >= 20, "{planted}");
}

#[test]
fn six_mistakes_of_six_kinds_are_told_in_one_run() {
    let case = cases().into_iter().find(|case| case.path.ends_with("six_at_once.txt")).unwrap();
    assert_eq!(case.output().lines().filter(|line| line.starts_with("error: ")).count(), 6);
}
