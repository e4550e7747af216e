//! The image that proxies run: HAProxy with a shell and socat.

use std::time::Instant;

use anyhow::Context as _;

use crate::base_image::Recipe;
use crate::delivery::Delivery;
use crate::docker::{self, Image};
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::say;

/// The image, built now if it is not there.
///
/// # Errors
/// A [`Problem`] with exit code 69 when what it is built from cannot be had.
pub fn obtain(project: &Project) -> anyhow::Result<Image> {
    let name = &project.delivery.proxy.image;
    match docker::image(name)? {
        Some(image) => Ok(image),
        None => build(project),
    }
}

/// Builds the image, from a base that is there or can be pulled.
///
/// # Errors
/// Those of [`obtain`].
pub fn build(project: &Project) -> anyhow::Result<Image> {
    let proxy = &project.delivery.proxy;
    docker::obtain(&proxy.base_image).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        let message = format!(
            "the proxy's image {} is not there, and what it is built from, {}, cannot be had.",
            proxy.image, proxy.base_image
        );
        Problem::new(ExitCode::Unavailable, message).detail([first]).next("cargo xtask setup --air-gapped")
    })?;
    let began = Instant::now();
    let file = project.root.join(&proxy.dockerfile);
    let text = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let base = format!("BASE_IMAGE={}", proxy.base_image);
    let args = ["build", "--quiet", "--tag", &proxy.image, "--build-arg", &base, "-"];
    let mut command = docker::command(&args);
    // The builder that every engine has within, so that it needs no plug-in.
    command.env("DOCKER_BUILDKIT", "0");
    docker::feed(command, &args, &text)?;
    say!("built {} from {} in {:.1} s", proxy.image, proxy.base_image, began.elapsed().as_secs_f64());
    docker::image(&proxy.image)?.with_context(|| format!("the engine does not have {}", proxy.image))
}

/// Makes the base from the packages of Debian, without any registry.
///
/// # Errors
/// A [`Problem`] with exit code 69 when `mmdebstrap` is missing or cannot do it.
pub fn make_base(delivery: &Delivery, consent: Consent) -> anyhow::Result<()> {
    let base = &delivery.proxy.base_image;
    if docker::image(base)?.is_some() {
        say!("{base} is there");
        return Ok(());
    }
    Recipe { name: base, packages: "haproxy,socat", hooks: Vec::new() }.make(consent)
}
