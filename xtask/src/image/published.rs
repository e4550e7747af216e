//! An image that a registry has already.

use anyhow::Context as _;

use super::{Built, Platform, origin};
use crate::docker::{self, Refusal};
use crate::problem::{ExitCode, Problem};

/// The image of that name and tag in its registry, pulled from there; none where the registry has none.
///
/// # Errors
/// A [`Problem`] with exit code 69 when the registry does not say, for whatever reason: what cannot be asked may be there.
pub fn published(reference: &str) -> anyhow::Result<Option<Built>> {
    match docker::read(&["pull", "--quiet", reference]).map_err(anyhow::Error::downcast::<Refusal>) {
        Ok(_) => {}
        Err(Ok(refusal)) if is_missing(&refusal.said) => return Ok(None),
        Err(Ok(refusal)) => return Err(silent(reference, &refusal).into()),
        Err(Err(other)) => return Err(other),
    }
    let image = docker::image(reference)?.with_context(|| format!("the engine does not have {reference}"))?;
    let (commit, created) = (origin::label(&image, "revision"), origin::label(&image, "created"));
    let platform = Platform::of_image(&image);
    let (reference, place) = (reference.to_owned(), None);
    Ok(Some(Built { reference, id: image.id, size: image.size, platform, place, commit, created }))
}

/// Whether a registry was asked and has nothing by that name. One that tells a stranger nothing counts as such: to push,
/// one has to be known to it.
fn is_missing(said: &str) -> bool {
    const MISSING: [&str; 3] = ["manifest unknown", "name unknown", "repository does not exist"];
    let said = said.trim().to_lowercase();
    MISSING.iter().any(|words| said.contains(words)) || said.ends_with(": not found")
}

fn silent(reference: &str, refusal: &Refusal) -> Problem {
    let message = format!(
        "whether {reference} is in its registry already, that does not say, so nothing was built or pushed. Is its name right, \
         and does `docker login` know it?"
    );
    let problem = Problem::new(ExitCode::Unavailable, message).detail(refusal.said.lines());
    problem.next(format!("docker pull {reference}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_asked() {
        for said in [
            "Error response from daemon: manifest for 127.0.0.1:5000/shop:1 not found: manifest unknown: manifest unknown",
            "Error response from daemon: repository 127.0.0.1:5000/shop not found: name unknown: repository name not known to registry",
            "Error response from daemon: pull access denied for shop, repository does not exist or may require 'docker login': denied",
            "Error response from daemon: failed to resolve reference \"shop:1\": shop:1: not found\n",
        ] {
            assert!(is_missing(said), "{said}");
        }
        for said in [
            "Error response from daemon: Get \"https://nowhere.example/v2/\": dial tcp: lookup nowhere.example: no such host",
            "Error response from daemon: Get \"http://127.0.0.1:9/v2/\": dial tcp 127.0.0.1:9: connect: connection refused",
            "error getting credentials - err: exec: \"docker-credential-x\": executable file not found in $PATH, out: ``",
            "Error response from daemon: received unexpected HTTP status: 500 Internal Server Error",
            "Error response from daemon: Head \"https://x/v2/\": unauthorized: authentication required",
        ] {
            assert!(!is_missing(said), "{said}");
        }
    }
}
