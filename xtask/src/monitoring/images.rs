//! The images of what watches an environment.

use crate::base_image::Recipe;
use crate::delivery::{FILE, Monitoring};
use crate::docker::{self, Image};
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem, reason};
use crate::say;

/// What the image of Prometheus' makers has, and Debian's package has not: the folder it writes to, its own. In
/// mmdebstrap's hooks, `$1` is the root.
const FOLDER: &str = "install --directory --owner=65534 --group=65534 \"$1/prometheus\"";

/// The image, pulled if the engine does not have it.
///
/// # Errors
/// A [`Problem`] with exit code 69 when it cannot be had.
pub fn obtain(name: &str) -> anyhow::Result<Image> {
    docker::obtain(name).map_err(|error| {
        let message =
            format!("the image {name}, which [monitoring] of {FILE} names, cannot be had; nothing was started.");
        Problem::new(ExitCode::Unavailable, message)
            .detail([reason(&error)])
            .next(format!("docker pull {name}"))
            .next("cargo xtask setup --air-gapped --monitoring")
            .into()
    })
}

/// Makes that of Prometheus from the packages of Debian, without any registry; there is no package of Grafana.
///
/// # Errors
/// A [`Problem`] with exit code 69 when `mmdebstrap` is missing or cannot do it.
pub fn make_prometheus(monitoring: &Monitoring, consent: Consent) -> anyhow::Result<()> {
    let name = &monitoring.prometheus_image;
    if docker::image(name)?.is_some() {
        say!("{name} is there");
        return Ok(());
    }
    Recipe { name, packages: "prometheus", hooks: vec![FOLDER.to_owned()] }.make(consent)
}
