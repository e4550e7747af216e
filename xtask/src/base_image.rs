//! Base images out of the packages of Debian, for where no registry can be reached.

use std::process::Command;
use std::time::Instant;

use crate::docker;
use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};
use crate::{say, tools};

/// The Debian release whose packages are taken.
const DEBIAN: &str = "trixie";
/// What marks an image as made here, so that it may be made anew.
const LABEL: &str = "switchyard.base";

/// What a base image is made of besides the least that Debian starts with.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// The image's name and tag.
    pub name: &'a str,
    /// The packages, separated by commas.
    pub packages: &'a str,
    /// What is done to the root once they are in it, as mmdebstrap's hooks.
    pub hooks: Vec<String>,
}

impl Recipe<'_> {
    /// Makes the image.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when `mmdebstrap` is missing or cannot do it.
    pub fn make(&self, consent: Consent) -> anyhow::Result<()> {
        let name = self.name;
        if tools::find(&tools::MMDEBSTRAP).is_none() {
            packages::install(tools::MMDEBSTRAP.name, tools::MMDEBSTRAP.purpose, consent)?;
        }
        let began = Instant::now();
        let folder = std::env::temp_dir().join(format!("switchyard-base-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let archive = folder.join("base.tar");
        say!("making {name} from the packages of Debian {DEBIAN}");
        let made = Command::new(tools::require(&tools::MMDEBSTRAP)?)
            .args(["--quiet", "--variant=minbase"])
            .arg(format!("--include={}", self.packages))
            .args(self.hooks.iter().map(|hook| format!("--customize-hook={hook}")))
            .arg(DEBIAN)
            .arg(&archive)
            .output();
        let imported = made.map_err(anyhow::Error::from).and_then(|made| {
            if !made.status.success() {
                let said = String::from_utf8_lossy(&made.stderr).into_owned();
                let last: Vec<_> = said.lines().rev().take(5).map(str::to_owned).collect();
                let problem = Problem::new(ExitCode::Unavailable, format!("mmdebstrap could not make {name}."));
                return Err(problem.detail(last.into_iter().rev()).next("cargo xtask setup --air-gapped").into());
            }
            let label = format!("LABEL {LABEL}=debian-packages");
            docker::read(&["import", "--change", &label, &archive.to_string_lossy(), name])
        });
        // What stays only takes room.
        let _ = std::fs::remove_dir_all(&folder);
        imported?;
        say!("made {name} in {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Whether an image was made by a [`Recipe`].
pub fn is_ours(image: &docker::Image) -> bool {
    image.config.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL))
}
