//! A1.3 and A2: what `image-check` has measured on an image that it has just built.

use super::dockerfile::Dockerfile;
use super::documents::read;
use super::measured::{Image, Measured};
use super::verdict::{Short, Shown, require};
use crate::rollout::policy::Span;

/// What the image has to do without of what one would write first, in percent.
const SMALLER_BY: f64 = 30.0;
/// How soon the service has to answer.
const START: Span = Span::secs(5);

fn found(image: &Image, rows: &[&str]) -> Shown {
    rows.iter().map(|id| image.row(id).map(|row| format!("{id}: {}", row.found))).collect()
}

/// The image is built, and what is in it runs.
pub(super) fn packaged(measured: &Measured<'_>) -> Shown {
    let image = measured.image()?;
    let rows = found(image, &["entrypoint", "size", "start"])?;
    Ok([vec![format!("{} was built", image.image)], rows].concat())
}

/// The image is smaller than the one that one would write first.
pub(super) fn smaller(measured: &Measured<'_>) -> Shown {
    let asked = measured.project.delivery.image.naive.as_ref();
    let asked = asked.ok_or_else(|| Short::unknown("image.naive does not name what the image is compared with"))?;
    // A project may ask for less, and the row passes then.
    let kept = asked.smaller_by.less_of(1_000) as f64 / 10.0;
    require(kept <= 100.0 - SMALLER_BY, || {
        format!("image.naive.smaller_by is {}, and at least {SMALLER_BY} % are asked for", asked.smaller_by)
    })?;
    found(measured.image()?, &["naive"])
}

/// Nothing in it has a vulnerability that counts.
pub(super) fn vulnerabilities(measured: &Measured<'_>) -> Shown {
    found(measured.image()?, &["vulnerabilities"])
}

/// It answers soon after its container was started.
pub(super) fn start(measured: &Measured<'_>) -> Shown {
    soon_enough(measured.project.delivery.image.max_start)?;
    found(measured.image()?, &["start"])
}

/// Whether the limit that the row is held against is what is asked for: a project may allow more, and the row passes then.
fn soon_enough(limit: Option<Span>) -> Result<(), Short> {
    let limit = limit.ok_or_else(|| Short::unknown("image.max_start does not say what the start is held against"))?;
    require(limit <= START, || format!("image.max_start is {limit}, and at most {START} are asked for"))
}

/// Its limits are configured, and the kernel holds them.
pub(super) fn limits(measured: &Measured<'_>) -> Shown {
    let image = measured.image()?;
    let mut evidence = found(image, &["limits", "kernel"])?;
    if measured.project.delivery.service.allocate_setting.is_some() {
        evidence.extend(found(image, &["memory"])?);
    }
    Ok(evidence)
}

fn dockerfile(measured: &Measured<'_>) -> Result<Dockerfile, Short> {
    read(measured, &measured.project.delivery.image.dockerfile).map(|text| Dockerfile::parse(&text))
}

/// What builds and what runs are stages of their own.
pub(super) fn stages(measured: &Measured<'_>) -> Shown {
    let dockerfile = dockerfile(measured)?;
    let stages = dockerfile.stages();
    let last = dockerfile.last_stage_compiles();
    require(stages.len() > 1, || "the Dockerfile has one stage".into())?;
    require(!last, || "the last stage compiles: what compiles is in the image".into())?;
    Ok(vec![format!("{} stages, the last from {}", stages.len(), stages.last().map_or("nothing", String::as_str))])
}

/// Dependencies are compiled in a layer that a change of the sources leaves as it is.
pub(super) fn layers(measured: &Measured<'_>) -> Shown {
    let dockerfile = dockerfile(measured)?;
    let (dependencies, sources) = dockerfile.compiled_before_and_after_the_sources();
    require(dependencies > 0 && sources > 0, || {
        "no stage compiles dependencies before it copies the sources: each change would compile them anew".into()
    })?;
    Ok(vec![format!("layers that compile: {dependencies} before the last copy of sources, {sources} after it")])
}

/// It is as small as its budget says.
pub(super) fn budget(measured: &Measured<'_>) -> Shown {
    found(measured.image()?, &["size", "naive"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_held_against_what_is_asked_for_and_not_against_whatever_a_project_allows() {
        assert_eq!(soon_enough(Some(Span::secs(5))), Ok(()));
        let allowed = soon_enough(Some(Span::secs(60))).unwrap_err();
        assert_eq!(allowed, Short::missed("image.max_start is 1m, and at most 5s are asked for"));
        assert!(matches!(soon_enough(None), Err(Short::Unknown(_))));
    }
}
