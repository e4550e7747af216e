//! What an image is made of, written beside it: a bill of materials in CycloneDX's JSON. Which crates they are, the binary in
//! the image says itself, whoever has built it.

mod cyclonedx;
mod known;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::image::Built;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::{docker, made_of};
use cyclonedx::Subject;
use known::Known;

/// Where it is written unless a person says otherwise.
const FOLDER: &str = "target/xtask/sbom";

/// Writes it, and says where.
///
/// # Errors
/// A [`Problem`] with exit code 1 when the image starts no binary that says what it is made of.
pub fn write(project: &Project, built: &Built, path: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = project.root.join(FOLDER);
    let binary = binary_of(&built.reference, &folder)?;
    let parts = made_of::of_program(&binary).unwrap_or_else(|| Err("it has no list of it".into()));
    let parts = parts.map_err(|why| silent(&built.reference, why))?;
    let known = Known::of(&project.root, built.platform.target().as_deref());
    let subject = Subject {
        binary: &binary,
        image: &built.reference,
        commit: built.commit.as_deref(),
        created: built.created.as_deref(),
    };
    let text = serde_json::to_string_pretty(&cyclonedx::document(&parts, &known, &subject))? + "\n";
    let path = path.map_or_else(|| folder.join(file_name(&built.reference)), Path::to_owned);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
    written.with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn file_name(reference: &str) -> String {
    format!("{}.cdx.json", reference.replace(['/', ':', '@'], "_"))
}

fn silent(reference: &str, why: String) -> Problem {
    let message =
        format!("the program in {reference} does not say what it is made of, so there is no bill of materials.");
    Problem::new(ExitCode::Failed, message).detail([why]).next("cargo xtask docker-build, which builds one that does")
}

/// The program that an image starts.
fn binary_of(reference: &str, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let image = docker::image(reference)?.with_context(|| format!("the engine does not have {reference}"))?;
    let program = image.config.entrypoint.and_then(|words| words.into_iter().next());
    let program = program.with_context(|| format!("{reference} does not say which program it starts"))?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let copy = folder.join(format!(".program-{}", std::process::id()));
    let container = docker::read(&["create", "--network=none", &image.id])?.trim().to_owned();
    let copied = docker::read(&["cp", &format!("{container}:{program}"), &copy.to_string_lossy()]);
    docker::read_at_once(&["rm", &container])?;
    let read = copied.and_then(|_| fs::read(&copy).with_context(|| format!("reading {}", copy.display())));
    // It is not there where it could not be copied.
    let _ = fs::remove_file(&copy);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_after_its_image() {
        assert_eq!(file_name("localhost:5000/shop/app:1.2.3"), "localhost_5000_shop_app_1.2.3.cdx.json");
    }
}
