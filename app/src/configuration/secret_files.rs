//! Files that hold a secret each: those of a folder, called after their settings, and those that variables name.

use std::{fs, io, path::Path};

use rustix::process::geteuid;

use super::{
    excerpt::Excerpt,
    layer::Layer,
    problem::{Origin, Problem},
    setting::{Definition, Setting},
};

/// The variable that names the folder of secret files.
pub const SECRETS_VARIABLE: &str = "APP_SECRETS_DIR";

/// Reads the file of each secret that `directory` has one of, such as `metrics.token`.
///
/// A missing folder is one without files, and a file of another name is left alone: an older release of the service, to
/// which a rollback returns, does not know the secrets of a newer one.
pub(super) fn folder(definition: &Definition, directory: &Path) -> Layer {
    let mut layer = Layer::default();
    for setting in definition.settings.iter().filter(|setting| setting.is_secret()) {
        let path = directory.join(setting.path);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => take(&mut layer, setting, &path, None, read),
        }
    }
    layer
}

/// Reads the file that `variable` names.
pub(super) fn named(layer: &mut Layer, setting: &'static Setting, variable: &str, path: &str) {
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| folder.is_dir());
    match fs::read(path) {
        // It may be the secret itself, in the wrong variable.
        Err(error) if folder.is_none() => {
            let origin = Origin::Variable(variable.to_owned());
            let problem = Problem::new(format!("{}: its file {}", setting.path, unreadable(&error))).at(origin.clone());
            let problem = problem.showing(Excerpt::assignment(variable, &path.to_string_lossy(), false));
            let problem = problem.valid("the path of a file, in a folder that exists").about(setting);
            layer.problems.push(problem.help(format!("a secret itself is given by {}", setting.variable())));
            layer.give_nothing(setting, origin);
        }
        read => take(layer, setting, path, Some(variable.to_owned()), read),
    }
}

/// What the folder has that may be meant for `setting`, which has no file there.
pub(super) fn nearly(setting: &Setting, directory: &Path) -> Option<String> {
    let entries = fs::read_dir(directory).ok()?;
    let names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    super::suggest::closest(setting.path, names.iter().map(String::as_str)).map(str::to_owned)
}

fn take(
    layer: &mut Layer,
    setting: &'static Setting,
    path: &Path,
    variable: Option<String>,
    read: io::Result<Vec<u8>>,
) {
    let mut origin = Origin::SecretFile { path: path.to_owned(), variable, trimmed: false };
    match read.map_err(|error| unreadable(&error)).and_then(|bytes| text(&bytes)) {
        Ok((text, was_trimmed)) => {
            if let Origin::SecretFile { trimmed, .. } = &mut origin {
                *trimmed = was_trimmed;
            }
            layer.give_file(setting, &text, origin);
        }
        Err(cause) => {
            let problem = Problem::new(format!("{}: its file {cause}", setting.path)).at(origin.clone());
            let problem = problem.valid("a file that this user can read, with the secret and nothing else in it");
            layer.problems.push(problem.about(setting));
            layer.give_nothing(setting, origin);
        }
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("is unreadable by uid {}", geteuid().as_raw()),
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The secret in a file, and whether a line break behind it was left out: editors and `echo` put one there.
fn text(bytes: &[u8]) -> Result<(String, bool), String> {
    let text = str::from_utf8(bytes).map_err(|_| "is not text in UTF-8".to_owned())?;
    let trimmed = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let secret = trimmed.unwrap_or(text);
    match secret {
        "" => Err("is empty".to_owned()),
        _ if secret.ends_with('\n') => Err("ends with more than one line break".to_owned()),
        _ => Ok((secret.to_owned(), trimmed.is_some())),
    }
}
