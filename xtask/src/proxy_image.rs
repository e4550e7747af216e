//! The image that proxies run: HAProxy with a shell and socat.

use std::time::Instant;

use anyhow::Context as _;

use crate::base_image::Recipe;
use crate::delivery::Delivery;
use crate::docker::{self, Image, Refusal};
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::router::config::{CANDIDATE, Config};
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

/// Builds the image, from a base that is there or can be pulled. It gets its name once its HAProxy has accepted the project's
/// configuration.
///
/// # Errors
/// Those of [`obtain`], and exit code 78 when it does not.
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
    let args = ["build", "--quiet", "--build-arg", &base, "-"];
    let mut command = docker::command(&args)?;
    // The builder that every engine has within, so that it needs no plug-in.
    command.env("DOCKER_BUILDKIT", "0");
    let id = docker::feed(command, &args, &text)?.trim().to_owned();
    check(project, &id)?;
    docker::read(&["tag", &id, &proxy.image])?;
    say!("built {} from {} in {:.1} s", proxy.image, proxy.base_image, began.elapsed().as_secs_f64());
    docker::image(&proxy.image)?.with_context(|| format!("the engine does not have {}", proxy.image))
}

/// Has the image's own HAProxy look at what it would be started with, for every environment.
fn check(project: &Project, id: &str) -> anyhow::Result<()> {
    let delivery = &project.delivery;
    let script =
        format!("mkdir maps && echo 'green 0' >maps/split.map && cat >{CANDIDATE} && haproxy -c -f {CANDIDATE}");
    let args = ["run", "--rm", "--interactive", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL"];
    let args = [&args[..], &["--tmpfs=/tmp", "--workdir=/tmp", id, "sh", "-c", &script]].concat();
    for (name, environment) in &delivery.environments {
        let config = Config::to_look_at(&project.root, delivery, (name, environment))?;
        let checked = docker::feed(docker::command(&args)?, &["run", "…", "haproxy -c"], config.whole().as_bytes());
        checked.map_err(|error| match error.downcast_ref::<Refusal>() {
            Some(refusal) => {
                let message = format!(
                    "HAProxy of {} refuses its configuration for {name}; the image was not made.",
                    delivery.proxy.base_image
                );
                let problem = Problem::new(ExitCode::Configuration, message);
                problem.detail(config.alerts(&refusal.said, CANDIDATE)).next("cargo xtask config-lint").into()
            }
            None => error,
        })?;
    }
    Ok(())
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
