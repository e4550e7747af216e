//! The project a command is about: the folder above it that has a `config/delivery.toml`.

use std::path::{Path, PathBuf};

use crate::delivery::{Delivery, FILE};
use crate::problem::{ExitCode, Problem};

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// What it says about itself.
    pub delivery: Delivery,
}

impl Project {
    /// The project the current folder lies in, so that a command can be typed in any subfolder.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 outside any project, and those of [`Delivery::load`].
    pub fn here() -> anyhow::Result<Project> {
        let root = root()?;
        Ok(Project { delivery: Delivery::load(&root)?, root })
    }
}

/// The folder of the project the current folder lies in.
///
/// # Errors
/// A [`Problem`] with exit code 2 outside any project.
pub fn root() -> anyhow::Result<PathBuf> {
    let current = std::env::current_dir()?;
    above(&current).map(Path::to_owned).ok_or_else(|| {
        let message =
            format!("neither {} nor any folder above it has a {FILE}: this is not a project.", current.display());
        Problem::new(ExitCode::Usage, message).next("cd into the project, then the same command").into()
    })
}

fn above(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(FILE).is_file())
}
