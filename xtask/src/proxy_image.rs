//! The image that proxies run: HAProxy with a shell and socat.

use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::delivery::Delivery;
use crate::docker::{self, Image};
use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::{say, tools};

/// The Debian release whose HAProxy is taken where no registry can be reached.
const DEBIAN: &str = "trixie";

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
    if tools::find(&tools::MMDEBSTRAP).is_none() {
        packages::install(tools::MMDEBSTRAP.name, tools::MMDEBSTRAP.purpose, consent)?;
    }
    let began = Instant::now();
    let folder = std::env::temp_dir().join(format!("switchyard-base-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let archive = folder.join("base.tar");
    say!("making {base} from the packages of Debian {DEBIAN}");
    let made = Command::new(tools::require(&tools::MMDEBSTRAP)?)
        .args(["--quiet", "--variant=minbase", "--include=haproxy,socat", DEBIAN])
        .arg(&archive)
        .output();
    let imported = made.map_err(anyhow::Error::from).and_then(|made| {
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            let last: Vec<_> = said.lines().rev().take(5).map(str::to_owned).collect();
            let problem = Problem::new(ExitCode::Unavailable, format!("mmdebstrap could not make {base}."));
            return Err(problem.detail(last.into_iter().rev()).next("cargo xtask setup --air-gapped").into());
        }
        let label = "LABEL switchyard.base=debian-packages";
        docker::read(&["import", "--change", label, &archive.to_string_lossy(), base])
    });
    // What stays only takes room.
    let _ = std::fs::remove_dir_all(&folder);
    imported?;
    say!("made {base} in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}
