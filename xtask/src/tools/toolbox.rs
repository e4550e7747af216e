//! The tools of a project: those it pins in `config/delivery.toml` are installed below `target/tools`, for it alone, and
//! come before what the machine has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::place::Place;
use super::{Found, Source, Tool, crates, first_version, wheels};
use crate::delivery::{Checksum, FILE, Pin, Pins};
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::say;

pub(super) const FOLDER: &str = "target/tools";

/// The tools of one project.
#[derive(Debug, Clone, Copy)]
pub struct Toolbox<'a> {
    root: &'a Path,
    pins: &'a Pins,
}

/// A tool with its pin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pinned<'a> {
    pub(super) name: &'a str,
    pub(super) pin: &'a Pin,
}

impl<'a> Pinned<'a> {
    /// Its files for this machine, by name, each with its checksum.
    pub(super) fn files(&self) -> Vec<(&'a str, &'a str)> {
        let files = self.pin.files_for(std::env::consts::OS, std::env::consts::ARCH);
        files.map(|(file, checksum)| (file, checksum.as_str())).collect()
    }

    /// Differs when the version does, and when any of the files does.
    fn exact_version(&self) -> String {
        let list: String = self.files().iter().map(|(file, checksum)| format!("{checksum} {file}\n")).collect();
        let start: String = Checksum::of(list.as_bytes()).as_str().chars().take(8).collect();
        format!("{}-{start}", self.pin.version)
    }
}

impl<'a> Toolbox<'a> {
    /// Those of a project.
    pub fn of(project: &'a Project) -> Toolbox<'a> {
        Toolbox::new(&project.root, &project.delivery.tools)
    }

    /// Those that `pins` name, for the project at `root`.
    pub fn new(root: &'a Path, pins: &'a Pins) -> Toolbox<'a> {
        Toolbox { root, pins }
    }

    /// The pin of a tool, if it is one that can have a pin and has.
    pub fn pin(&self, tool: &Tool) -> Option<&'a Pin> {
        (tool.source == Source::Pinned).then(|| self.pins.get(tool.name)).flatten()
    }

    /// The version that is wanted: the one pinned, or the oldest that will do.
    pub fn wanted(&self, tool: &Tool) -> Option<String> {
        let pinned = self.pin(tool).map(|pin| pin.version.clone());
        pinned.or_else(|| tool.minimum.map(|(major, minor)| format!("{major}.{minor} or later")))
    }

    /// Looks for a tool: where it is pinned, in its folder, which takes microseconds and starts no process; otherwise on
    /// `PATH`.
    pub fn find(&self, tool: &Tool) -> Option<Found> {
        let Some(pin) = self.pin(tool) else { return super::find(tool) };
        let place = self.place(tool, pin);
        place.is_installed().then(|| Found { path: place.program().to_owned(), version: first_version(&pin.version) })
    }

    /// A tool, after installing it where that is needed. A pinned one is fetched without asking, as cargo fetches crates;
    /// what comes from the system's package manager takes consent.
    ///
    /// # Errors
    /// A [`Problem`]: with exit code 69 when it cannot be had, with exit code 1 when a file is not the one that is pinned.
    pub fn ensure(&self, tool: &Tool, consent: Consent) -> anyhow::Result<Found> {
        let Some(pin) = self.pin(tool) else {
            if tool.source == Source::Pinned && super::find(tool).is_none() {
                return Err(without_a_pin(tool).into());
            }
            let path = super::ensure(tool, consent)?;
            return Ok(super::find(tool).unwrap_or(Found { path, version: None }));
        };
        if let Some(found) = self.find(tool) {
            return Ok(found);
        }
        let (place, pinned) = (self.place(tool, pin), Pinned { name: tool.name, pin });
        place.make(|folder| {
            let began = Instant::now();
            say!("installing {} {} into {}", tool.name, pin.version, place.folder().display());
            if pin.is_crate() {
                crates::install(pinned, folder)?;
            } else {
                wheels::install(pinned, folder, consent)?;
            }
            say!("installed {} {} in {:.1} s", tool.name, pin.version, began.elapsed().as_secs_f64());
            Ok(())
        })?;
        Ok(Found { path: place.program().to_owned(), version: first_version(&pin.version) })
    }

    /// The variables a command has to be given to find these tools: `PATH`, with the pinned ones first, and `PYTHONPATH`
    /// for those that are written in Python.
    ///
    /// # Errors
    /// When the project lies in a folder with a colon in its name.
    pub fn environment(&self, tools: &[Tool]) -> anyhow::Result<Vec<(&'static str, OsString)>> {
        let pinned = tools.iter().filter_map(|tool| Some((self.pin(tool)?, self.place(tool, self.pin(tool)?))));
        let (mut bins, mut modules) = (Vec::new(), Vec::new());
        for (pin, place) in pinned {
            bins.push(place.folder().join("bin"));
            modules.extend((!pin.is_crate()).then(|| place.folder().to_owned()));
        }
        let before = |folders: Vec<PathBuf>, name| {
            let inherited = std::env::var_os(name).unwrap_or_default();
            let inherited = std::env::split_paths(&inherited).filter(|folder| !folder.as_os_str().is_empty());
            anyhow::Ok((name, std::env::join_paths(folders.into_iter().chain(inherited))?))
        };
        let mut variables = Vec::new();
        for (name, folders) in [("PATH", bins), ("PYTHONPATH", modules)] {
            if !folders.is_empty() {
                variables.push(before(folders, name)?);
            }
        }
        Ok(variables)
    }

    fn place(&self, tool: &Tool, pin: &Pin) -> Place {
        let version = Pinned { name: tool.name, pin }.exact_version();
        Place::new(&self.root.join(FOLDER), tool.name, &version)
    }
}

fn without_a_pin(tool: &Tool) -> Problem {
    let message = format!(
        "`{}`, which {}, is not installed, and {FILE} has no [tools.{}] to install it from. Pin it there, or put it on PATH.",
        tool.name, tool.purpose, tool.name
    );
    Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;
    use crate::tools::{HAPROXY, ZIZMOR};

    fn pins(checksum: char) -> Pins {
        let checksum = checksum.to_string().repeat(64);
        let file = format!("\"zizmor-1.2.0-py3-none-any.whl\" = \"{checksum}\"");
        toml::from_str(&format!("[zizmor]\npackage = \"zizmor\"\nversion = \"1.2.0\"\nfiles = {{ {file} }}")).unwrap()
    }

    #[test]
    fn what_is_pinned_comes_before_what_the_machine_has() {
        let pins = pins('0');
        let toolbox = Toolbox::new(Path::new("/project"), &pins);
        assert_eq!((toolbox.wanted(&ZIZMOR), toolbox.find(&ZIZMOR)), (Some("1.2.0".into()), None));
        let environment = toolbox.environment(&[HAPROXY, ZIZMOR]).unwrap();
        assert_eq!(environment.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["PATH", "PYTHONPATH"]);
        let path: Vec<_> = std::env::split_paths(&environment[0].1).collect();
        assert!(path[0].starts_with("/project/target/tools") && path[0].ends_with("bin"), "{path:?}");
        let inherited = std::env::var_os("PATH").unwrap();
        assert!(
            std::env::split_paths(&inherited).all(|folder| folder.as_os_str().is_empty() || path.contains(&folder))
        );
        assert_eq!(toolbox.environment(&[HAPROXY]).unwrap(), []);
    }

    #[test]
    fn another_checksum_is_another_folder() {
        let folder = |pins: &Pins| {
            let environment = Toolbox::new(Path::new("/project"), pins).environment(&[ZIZMOR]).unwrap();
            std::env::split_paths(&environment[0].1).next().unwrap()
        };
        assert_ne!(folder(&pins('0')), folder(&pins('1')));
        assert_eq!(folder(&pins('0')), folder(&pins('0')));
    }

    #[test]
    fn what_nobody_has_pinned_is_not_installed() {
        let (tool, pins) = (Tool { name: "no-such-tool", ..ZIZMOR }, Pins::new());
        let error = Toolbox::new(Path::new("/project"), &pins).ensure(&tool, Consent::Given).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
        assert!(error.to_string().contains("[tools.no-such-tool]"), "{error}");
    }
}
