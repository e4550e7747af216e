//! Raising a pin: the files of another version are fetched for every kind of machine there is one for now, and their
//! checksums written into `config/delivery.toml`. Nothing is installed; what was written is for a person to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::toolbox::FOLDER;
use super::wheels::Installer;
use super::{crates, pinnable};
use crate::delivery::{Checksum, Delivery, FILE, Pin};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;

/// Pins the files of another version of a tool. Those of what it depends on stay what they are.
///
/// # Errors
/// A [`Problem`]: with exit code 2 when no such tool is pinned, with exit code 69 when there is no such version, or nothing
/// to fetch it with. Then the file is left as it is.
pub fn raise(project: &Project, name: &str, version: &str) -> anyhow::Result<()> {
    let Some(pin) = project.delivery.tools.get(name).filter(|_| pinnable().any(|tool| tool.name == name)) else {
        let known: Vec<_> = project.delivery.tools.keys().map(|name| name.get_ref().as_str()).collect();
        let message = format!("{FILE} pins no `{name}`; it pins {}.", known.join(", "));
        return Err(Problem::new(ExitCode::Usage, message).into());
    };
    let scratch = project.root.join(FOLDER).join(format!(".raise-{}", std::process::id()));
    fs::create_dir_all(&scratch).with_context(|| format!("creating {}", scratch.display()))?;
    let fetched = fetch(pin, version, &scratch).and_then(|()| checksums(&scratch));
    // Whatever stays is only untidy.
    let _ = fs::remove_dir_all(&scratch);
    let path = project.root.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let raised = rewrite(&text, name, pin, version, &fetched?).ok_or_else(|| {
        let message = format!(
            "{FILE} does not have [tools.{name}] and [tools.{name}.files] a line for each key; raise it by hand."
        );
        Problem::new(ExitCode::Configuration, message)
    })?;
    fs::write(&path, raised).with_context(|| format!("writing {}", path.display()))
}

/// Fetches the files of a version, for the kinds of machine that those of the pin are for.
fn fetch(pin: &Pin, version: &str, into: &Path) -> anyhow::Result<()> {
    let package = pin.package.get_ref();
    if pin.is_crate() {
        let file = format!("{package}-{version}.crate");
        let copy = crates::obtain(package, version, into)?.into_iter().next().context("cargo keeps no crate")?;
        fs::copy(&copy, into.join(file)).with_context(|| format!("copying {}", copy.display()))?;
        return Ok(());
    }
    let installer = Installer::pip().ok_or_else(|| {
        let message = "there is no pip, which alone fetches wheels for other machines than this one.";
        Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor")
    })?;
    let kinds: BTreeSet<_> = pin.own_wheels().map(|wheel| platforms(wheel.platforms)).collect();
    for platforms in kinds {
        let output = installer.download(&format!("{package}=={version}"), &platforms, into)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let message = format!(
                "{package} {version} cannot be fetched for {}.",
                platforms.last().map_or("any", String::as_str)
            );
            return Err(Problem::new(ExitCode::Unavailable, message).detail(said.lines()).into());
        }
    }
    Ok(())
}

/// The kinds of machine that a wheel of another version may be for, if it is to take the place of one for these.
fn platforms(platforms: &str) -> Vec<String> {
    let first = platforms.split('.').next().unwrap_or_default();
    let arch = first.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    let arch = arch.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '_');
    let numbered = |family: &str, numbers: std::ops::Range<u32>| {
        let platforms = numbers.map(|number| format!("{family}_{number}_{arch}"));
        platforms.collect::<Vec<_>>()
    };
    match first {
        first if first.starts_with("manylinux") => {
            [vec![format!("manylinux2014_{arch}")], numbered("manylinux_2", 5..41)].concat()
        }
        first if first.starts_with("musllinux") => numbered("musllinux_1", 1..3),
        first if first.starts_with("macosx") => (11..17).map(|major| format!("macosx_{major}_0_{arch}")).collect(),
        _ => Vec::new(),
    }
}

fn checksums(folder: &Path) -> anyhow::Result<BTreeMap<String, Checksum>> {
    let mut checksums = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let bytes = fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
        checksums.insert(entry.file_name().to_string_lossy().into_owned(), Checksum::of(&bytes));
    }
    Ok(checksums)
}

/// The text with the files of that version in the place of the pin's own; none where its lines are not as expected.
fn rewrite(text: &str, name: &str, pin: &Pin, version: &str, files: &BTreeMap<String, Checksum>) -> Option<String> {
    let (mut table, mut written, mut raised) = (String::new(), false, String::new());
    for line in text.lines() {
        if line.starts_with('[') {
            line.clone_into(&mut table);
        }
        let is_old_file =
            table == format!("[tools.{name}.files]") && line.split('"').nth(1).is_some_and(|file| pin.is_own(file));
        if is_old_file && !std::mem::replace(&mut written, true) {
            files
                .iter()
                .for_each(|(file, checksum)| raised.push_str(&format!("\"{file}\" = \"{}\"\n", checksum.as_str())));
        }
        if table == format!("[tools.{name}]") && line.starts_with("version = ") {
            raised.push_str(&format!("version = \"{version}\"\n"));
        } else if !is_old_file {
            raised.push_str(&format!("{line}\n"));
        }
    }
    let delivery = Delivery::parse(&raised).ok()?;
    let pinned = &delivery.tools.get(name)?;
    let is_there = |(file, checksum): (&String, &Checksum)| {
        pinned.files.get(file.as_str()).is_some_and(|pinned| pinned == checksum)
    };
    (pinned.version == version && files.iter().all(is_there)).then_some(raised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    const OLD: &str = "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071";
    const NEW: &str = "94a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071";

    #[test]
    fn only_the_files_of_the_package_itself_are_written_anew() {
        let pin = |version: &str, file: &str, checksum: &str| {
            let files = format!("\"{file}\" = \"{checksum}\"\n\"pyyaml-6.0.4-py3-none-any.whl\" = \"{OLD}\"");
            let head = format!("[tools.compose-lint]\npackage = \"compose-lint\"\nversion = \"{version}\"");
            format!("{DELIVERY}\n# Why.\n{head}\n\n[tools.compose-lint.files]\n{files}\n\n# The end.\n")
        };
        let before = pin("1.0", "compose_lint-1.0-py3-none-any.whl", OLD);
        let file = "compose_lint-1.1-py3-none-any.whl";
        let old = Delivery::parse(&before).unwrap().tools["compose-lint"].clone();
        let files = BTreeMap::from([(file.to_owned(), Checksum::try_from(NEW.to_owned()).unwrap())]);
        let raised = rewrite(&before, "compose-lint", &old, "1.1", &files).unwrap();
        assert_eq!(raised, pin("1.1", file, NEW));
        let inline = before.replace("\"compose_lint", " \"compose_lint").replace("version = ", "version  = ");
        assert_eq!(rewrite(&inline, "compose-lint", &old, "1.1", &files), None);
    }

    #[test]
    fn a_wheel_is_followed_by_one_for_the_same_kind_of_machine() {
        let table = [
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_28_x86_64"),
            ("manylinux2014_aarch64.musllinux_1_1_aarch64", "manylinux2014_aarch64"),
            ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64"),
            ("macosx_11_0_arm64", "macosx_14_0_arm64"),
        ];
        for (old, new) in table {
            assert!(platforms(old).iter().any(|platform| platform == new), "{old} {:?}", platforms(old));
        }
        assert_eq!(platforms("any"), [""; 0]);
    }
}
