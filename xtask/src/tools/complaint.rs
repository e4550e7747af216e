//! What pip or uv complains of, in the words of somebody who has never heard of either.

use super::toolbox::Pinned;
use super::wheels::{Packages, how_to_get};
use crate::delivery::pins::normal;
use crate::delivery::{Checksum, FILE, Wheel};
use crate::problem::{ExitCode, Problem};

const CUT_OFF: [&str; 3] = ["connection broken", "Max retries exceeded", "error sending request"];
const NOTHING_FITS: [&str; 2] = ["No matching distribution", "No solution found"];

/// What is wrong, from all that was said.
pub(super) fn explain(pinned: Pinned<'_>, packages: &Packages<'_>, said: &str) -> Problem {
    if let Some(problem) = other_file(pinned, packages, said) {
        return problem;
    }
    let (name, version) = (pinned.name, &pinned.pin.version);
    if said.contains("No interpreter found") {
        let message = format!("{name} {version} cannot be installed: this machine has no Python.");
        return Problem::new(ExitCode::Unavailable, message).next(how_to_get().unwrap_or("cargo xtask doctor".into()));
    }
    let lines = || said.lines().filter(|line| !line.trim().is_empty());
    let sign = lines().rfind(|line| CUT_OFF.iter().any(|sign| line.contains(sign)));
    let (why, detail) = match sign {
        Some(line) => ("cannot be fetched: the package registry cannot be reached", vec![line]),
        None if NOTHING_FITS.iter().any(|sign| said.contains(sign)) => {
            return no_wheel(pinned, pinned.name).detail(lines());
        }
        None => ("could not be installed", lines().collect()),
    };
    let problem = Problem::new(ExitCode::Unavailable, format!("{name} {version} {why}."));
    problem.detail(detail).next("cargo xtask setup --tools")
}

/// A checksum that is spoken of and that nobody has pinned is that of the file there was instead.
fn other_file(pinned: Pinned<'_>, packages: &Packages<'_>, said: &str) -> Option<Problem> {
    let files = || packages.values().flatten();
    let words = said.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut checksums = words.filter(|word| Checksum::try_from((*word).to_owned()).is_ok());
    let found = checksums.rfind(|word| !files().any(|(_, pinned)| pinned == word))?;
    let named = said.split(|letter: char| letter.is_whitespace() || "/#?".contains(letter)).find_map(|word| {
        let wheel = Wheel::parse(word)?;
        Some((word, wheel.package))
    });
    if let Some((file, package)) = named
        && !files().any(|(pinned, _)| *pinned == file)
    {
        return Some(no_wheel(pinned, package).detail([format!("what fits is {file}")]));
    }
    let said = normal(said);
    let is_meant = |file: &str, package: &str, version: &str| match named {
        Some((named, _)) => named == file,
        None => said.contains(&normal(&format!("{package}=={version}"))),
    };
    let pins = packages.iter().flat_map(|(&(package, version), files)| {
        let meant = files.iter().filter(move |(file, _)| is_meant(file, package, version));
        meant.map(|(file, wanted)| format!("{file}: pinned as {wanted}"))
    });
    let problem = not_the_pinned_one(&format!("a file of {} {}", pinned.name, pinned.pin.version));
    Some(problem.detail(pins).detail([format!("found instead: {found}")]))
}

/// A file has another checksum than its pin.
pub(super) fn not_the_pinned_one(file: &str) -> Problem {
    let message = format!(
        "{file} is not the one that {FILE} pins: the pin is wrong, or somebody has changed the file. Nothing of it was installed."
    );
    Problem::new(ExitCode::Failed, message).next(format!("git log --patch -- {FILE}"))
}

/// There is nothing for this machine among the files of a package.
pub(super) fn no_wheel(pinned: Pinned<'_>, package: &str) -> Problem {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let (name, version) = (pinned.name, &pinned.pin.version);
    let message = format!(
        "{name} {version}: of the files that {FILE} pins for `{package}`, none is for this machine, {os} on {arch}, and its Python. Pin one that is, or remove the pin and put `{name}` on PATH."
    );
    Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Pin;

    const PINNED: &str = "94a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071";
    const FOUND: &str = "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071";
    const WHEEL: &str = "zizmor-1.32.0-py3-none-manylinux_2_28_x86_64.whl";
    const MUSL: &str = "zizmor-1.32.0-py3-none-musllinux_1_2_x86_64.whl";

    fn explained(said: &str) -> Problem {
        let pin: Pin = toml::from_str("package = \"zizmor\"\nversion = \"1.32.0\"\nfiles = {}").unwrap();
        let packages = Packages::from([(("zizmor", "1.32.0"), vec![(WHEEL, PINNED)])]);
        explain(Pinned { name: "zizmor", pin: &pin }, &packages, said)
    }

    #[test]
    fn another_file_is_named_with_both_checksums_whoever_found_it() {
        let pip = format!(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    zizmor==1.32.0 from https://files.invalid/6f/{WHEEL} (from -r r.txt (line 1)):\n        Expected sha256 {PINNED}\n             Got        {FOUND}\n"
        );
        let uv = format!(
            "error: Failed to download `zizmor==1.32.0`\n  cause: Hash mismatch for `zizmor==1.32.0`\n\n         Expected:\n           sha256:{PINNED}\n\n         Computed:\n           sha256:{FOUND}\n"
        );
        for said in [pip, uv] {
            let problem = explained(&said);
            assert_eq!(problem.code(), ExitCode::Failed, "{problem}");
            let text = problem.to_string();
            assert!(text.contains(&format!("| {WHEEL}: pinned as {PINNED}\n  | found instead: {FOUND}\n")), "{text}");
        }
    }

    #[test]
    fn a_file_that_nobody_has_pinned_is_no_wrong_one() {
        let problem = explained(&format!(
            "    zizmor==1.32.0 from https://files.invalid/6f/{MUSL} (from -r r.txt (line 1)):\n        Expected sha256 {PINNED}\n             Got        {FOUND}\n"
        ));
        assert_eq!(problem.code(), ExitCode::Unavailable, "{problem}");
        assert!(problem.to_string().contains(&format!("what fits is {MUSL}")), "{problem}");
    }

    #[test]
    fn a_registry_that_cannot_be_reached_is_told_from_one_that_has_nothing() {
        let table = [
            (
                "WARNING: Retrying after connection broken by 'X'\nERROR: No matching distribution found for zizmor==1.32.0",
                "cannot be reached",
            ),
            ("error: Request failed\n  cause: error sending request for url (x)", "cannot be reached"),
            ("ERROR: No matching distribution found for zizmor==1.32.0", "none is for this machine"),
            ("error: No solution found when resolving dependencies", "none is for this machine"),
            ("error: No interpreter found in search path", "has no Python"),
            ("OSError: No space left on device", "could not be installed"),
        ];
        for (said, expected) in table {
            let problem = explained(said);
            assert_eq!(problem.code(), ExitCode::Unavailable, "{problem}");
            assert!(problem.to_string().contains(expected), "{problem}");
        }
    }
}
