//! The images that a job leaves in the engine of its machine. On GitHub that machine is gone after the job, and the next one
//! has to pull; here they are removed, so that it has to as well.

use std::collections::BTreeSet;

use crate::{docker, say};

/// What the engine has, by tag and by digest; nothing where no engine answers.
pub(super) fn references() -> BTreeSet<String> {
    let format = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}";
    let listed = docker::engine().and_then(|_| docker::read(&["images", "--digests", "--format", format]));
    listed.unwrap_or_default().lines().flat_map(of_line).collect()
}

fn of_line(line: &str) -> Vec<String> {
    const NONE: &str = "<none>";
    let [repository, tag, digest] = line.split('\t').collect::<Vec<_>>()[..] else { return Vec::new() };
    if repository == NONE {
        return Vec::new();
    }
    let tag = (tag != NONE).then(|| format!("{repository}:{tag}"));
    let digest = (digest != NONE).then(|| format!("{repository}@{digest}"));
    tag.into_iter().chain(digest).collect()
}

/// Removes what has come since, of the repositories that the job itself has named: who else uses this engine at the same time
/// keeps what is theirs.
pub(super) fn remove_new(before: &BTreeSet<String>, repositories: &BTreeSet<String>) {
    let now = references();
    let is_ours = |reference: &&String| repositories.contains(repository(reference));
    for reference in now.difference(before).filter(is_ours) {
        match docker::read(&["rmi", reference]) {
            Ok(_) => say!("removed {reference}: the machine of a job is gone after it"),
            // With the last tag, its digest may be gone, too.
            Err(error) if docker::is_missing(&error) => {}
            Err(error) => say!("note: {reference} stays: {error:#}"),
        }
    }
}

/// A reference without its tag or digest; a colon before the last slash is that of a port.
fn repository(reference: &str) -> &str {
    let reference = reference.split('@').next().unwrap_or(reference);
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_belong_to_their_repository() {
        let digest = "sha256:ab";
        let table: [(&str, &[&str]); 4] = [
            ("127.0.0.1:5000/shop\tv1\tsha256:ab", &["127.0.0.1:5000/shop:v1", "127.0.0.1:5000/shop@sha256:ab"]),
            ("shop\tv1\t<none>", &["shop:v1"]),
            ("shop\t<none>\tsha256:ab", &["shop@sha256:ab"]),
            ("<none>\t<none>\t<none>", &[]),
        ];
        for (line, expected) in table {
            assert_eq!(of_line(line), expected, "{line}");
        }
        for reference in ["127.0.0.1:5000/shop:v1".to_owned(), format!("127.0.0.1:5000/shop@{digest}")] {
            assert_eq!(repository(&reference), "127.0.0.1:5000/shop");
        }
        assert_eq!(repository("127.0.0.1:5000/shop"), "127.0.0.1:5000/shop");
    }
}
