//! The image a service starts with before anybody has thought about its size: what the real one is held against.

use std::time::Instant;

use anyhow::Context as _;

use super::container::Build;
use super::context::Folder;
use super::watch::Voice;
use super::{Wanted, container, dockerfile};
use crate::builder_image::Builder;
use crate::cargo::LOCK_FILE;
use crate::delivery::Naive;
use crate::project::Project;
use crate::{digest, docker, say};

/// The tag it is found again by, and the label that says what it was made from.
const TAG: &str = "naive";
const LABEL: &str = "switchyard.naive";

/// The naive image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Its name and tag.
    pub reference: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Baseline {
    /// The one that is there, or one that is built now. It is stale when its Dockerfile, the lock file or the builder's
    /// image is another than it was made from: the service's own sources move its size by less than anybody asks for.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 69 when it takes something that is missing, 1 when it does not build.
    pub fn obtain(project: &Project, naive: &Naive) -> anyhow::Result<Baseline> {
        let builder = container::builder(project, None)?;
        let text = dockerfile(project, "image.naive.dockerfile", &naive.dockerfile)?;
        let lock = std::fs::read(project.root.join(LOCK_FILE)).with_context(|| format!("reading {LOCK_FILE}"))?;
        let made_from = digest::of([builder.id.as_bytes(), text.as_bytes(), &lock].concat());
        let made_from: String = made_from.chars().take(16).collect();
        let reference = format!("{}:{TAG}", project.delivery.image.repository);
        let before = docker::image(&reference)?;
        let label = |image: &docker::Image| image.config.labels.as_ref()?.get(LABEL).cloned();
        if let Some(image) = before.as_ref().filter(|image| label(image).as_ref() == Some(&made_from)) {
            return Ok(Baseline { reference, size: image.size });
        }
        say!("building {reference} to compare with, as it is not there or was made from something else: minutes");
        let began = Instant::now();
        // The service's own image may be under way at the same time; one at a time is to speak.
        build(project, &builder, &text, &reference, &[format!("{LABEL}={made_from}")], Voice::Kept)?;
        say!("built {reference} in {:.0} s", began.elapsed().as_secs_f64());
        let image = docker::image(&reference)?.with_context(|| format!("the engine does not have {reference}"))?;
        if let Some(stale) = before.filter(|before| before.id != image.id) {
            // What stays only takes room, some of it a great deal.
            let _ = docker::read(&["rmi", &stale.id]);
        }
        Ok(Baseline { reference, size: image.size })
    }
}

/// Builds it under a name of the caller's, whatever is there.
///
/// # Errors
/// Those of [`Baseline::obtain`].
pub fn build_naive(project: &Project, naive: &Naive, reference: &str) -> anyhow::Result<()> {
    let builder = container::builder(project, None)?;
    let text = dockerfile(project, "image.naive.dockerfile", &naive.dockerfile)?;
    build(project, &builder, &text, reference, &[], Voice::PassedOn)
}

fn build(
    project: &Project,
    builder: &Builder,
    text: &str,
    reference: &str,
    labels: &[String],
    voice: Voice,
) -> anyhow::Result<()> {
    let folder = Folder::new(&project.root);
    let context = folder.stage_source(&project.root)?;
    let service = &project.delivery.service;
    let args = [("BUILDER_IMAGE", builder.name.as_str()), ("PACKAGE", &service.package), ("BINARY", &service.binary)];
    let wanted = Wanted { dockerfile: text, reference, labels, foreign: None, epoch: None };
    Build { wanted, context, args: &args, voice }.run(project, &folder)
}
