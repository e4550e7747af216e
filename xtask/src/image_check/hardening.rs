//! What of an image helps whoever has broken into its service. Which it is stands in the checkpoints of Dockle (`CIS-DI-0008`,
//! `DKL-LI-0003` and others) and in chapter 4 of the CIS Docker Benchmark.

use super::Subject;
use super::contents::{Entry, Kind, Tree};
use super::row::Row;

/// What runs a line of text as commands.
const SHELLS: [&str; 13] =
    ["ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "toybox", "zsh"];
/// What brings further programs into a container.
const PACKAGE_MANAGERS: [&str; 20] = [
    "apk", "apt", "apt-get", "aptitude", "cargo", "dnf", "dpkg", "gem", "microdnf", "npm", "opkg", "pacman", "pip",
    "pip3", "rpm", "snap", "tdnf", "yarn", "yum", "zypper",
];
/// The folders into which everybody may write, as long as nobody can remove what is another's (FHS 3.0).
const SHARED: [&str; 2] = ["tmp", "var/tmp"];

const SET_USER_OR_GROUP_ID: u32 = 0o6000;
const STICKY: u32 = 0o1000;
const EXECUTABLE: u32 = 0o111;
const WRITABLE_BY_ALL: u32 = 0o002;

/// A row for each kind of it.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let tree = &subject.tree;
    let all = |is: &dyn Fn(&Entry) -> bool| tree.entries().filter(|entry| is(entry)).map(shown).collect();
    vec![
        Row::none_of(
            "shell",
            all(&|entry| is_program(tree, entry, &SHELLS)),
            "FROM scratch, or a base image without a shell, for the Dockerfile's last stage",
        ),
        Row::none_of(
            "package-manager",
            all(&|entry| is_program(tree, entry, &PACKAGE_MANAGERS)),
            "install in an earlier stage, and copy from it only what runs",
        ),
        Row::none_of(
            "setuid",
            all(&has_anothers_rights),
            "RUN chmod a-s FILE in the stage it is copied from; nothing here has to become another user",
        ),
        Row::none_of(
            "capabilities",
            all(&|entry| entry.has_capabilities),
            "RUN setcap -r FILE in the stage it is copied from; listen above port 1023 instead",
        ),
        Row::none_of(
            "world-writable",
            all(&is_writable_by_all),
            "COPY --chmod=0755, or chmod o-w in the stage it is copied from",
        ),
    ]
}

fn shown(entry: &Entry) -> String {
    let what = match entry.kind {
        Kind::Folder => "/",
        _ => "",
    };
    format!("/{}{what}", entry.path)
}

fn is_program(tree: &Tree<'_>, entry: &Entry, names: &[&str]) -> bool {
    let (folder, name) = entry.split();
    // What is configured there is called after what it configures.
    let is_elsewhere = folder != "etc" && !folder.starts_with("etc/");
    is_elsewhere && names.contains(&name) && tree.find(&entry.path).is_some_and(is_executable)
}

/// Whether it is a file that can be run.
pub(super) fn is_executable(entry: &Entry) -> bool {
    entry.kind == Kind::File && entry.mode & EXECUTABLE != 0
}

/// Whether the program that a path names is a shell.
pub(super) fn is_shell(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| SHELLS.contains(&name))
}

fn has_anothers_rights(entry: &Entry) -> bool {
    // On a folder, the group's bit hands its group down and no rights.
    matches!(entry.kind, Kind::File | Kind::Hardlink(_)) && entry.mode & SET_USER_OR_GROUP_ID != 0
}

fn is_writable_by_all(entry: &Entry) -> bool {
    let is_shared = entry.mode & STICKY != 0 && SHARED.contains(&entry.path.as_str());
    matches!(entry.kind, Kind::File | Kind::Folder | Kind::Hardlink(_))
        && entry.mode & WRITABLE_BY_ALL != 0
        && !is_shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
        Entry { path: path.into(), kind, mode, size: 0, has_capabilities: false, noted: Default::default() }
    }

    #[test]
    fn everybody_may_write_to_the_shared_folders_and_only_if_they_are_sticky() {
        for (path, kind, mode, expected) in [
            ("tmp", Kind::Folder, 0o1777, false),
            ("var/tmp", Kind::Folder, 0o1777, false),
            ("tmp", Kind::Folder, 0o777, true),
            ("data", Kind::Folder, 0o1777, true),
            ("data/file", Kind::File, 0o666, true),
            ("data/file", Kind::File, 0o664, false),
            ("bin", Kind::Symlink("usr/bin".into()), 0o777, false),
        ] {
            assert_eq!(is_writable_by_all(&entry(path, kind, mode)), expected, "{path} {mode:o}");
        }
    }

    #[test]
    fn a_file_has_the_rights_of_another_by_either_bit() {
        for (kind, mode, expected) in [
            (Kind::File, 0o4755, true),
            (Kind::File, 0o2755, true),
            (Kind::File, 0o755, false),
            (Kind::Folder, 0o2755, false),
        ] {
            assert_eq!(has_anothers_rights(&entry("x", kind, mode)), expected, "{mode:o}");
        }
    }
}
