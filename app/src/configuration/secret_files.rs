//! Files that hold a secret each: those of a folder, called after their settings, and those that variables name.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use rustix::process::geteuid;

use super::{
    layer::Layer,
    problem::{Origin, Problem},
    setting::{Definition, Setting},
};

/// The variable that names the folder of secret files.
pub const SECRETS_VARIABLE: &str = "APP_SECRETS_DIR";

/// The longest file that is taken for a secret's, in bytes: a name that leads to a device must not fill the memory.
const LONGEST: u64 = 64 * 1024;

/// Reads the file of each secret that `directory` has one of, such as `metrics.token`.
///
/// A missing folder is one without files, and a file of another name is left alone: an older release of the service, to
/// which a rollback returns, does not know the secrets of a newer one.
pub(super) fn folder(definition: &Definition, directory: &Path) -> Layer {
    let mut layer = Layer::default();
    for setting in definition.settings.iter().filter(|setting| setting.is_secret()) {
        let path = directory.join(setting.path);
        match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            bytes => take(&mut layer, setting, &path, None, bytes),
        }
    }
    layer
}

/// Reads the file that `variable` names.
pub(super) fn named(layer: &mut Layer, setting: &'static Setting, variable: &str, path: &str) {
    let path = Path::new(path);
    match read(path) {
        Err(_) if !is_surely_a_path(path) => {
            let origin = Origin::Variable(variable.to_owned());
            let message = format!("{}: what {variable} holds leads to no file", setting.path);
            let problem = Problem::new(message).at(origin.clone());
            layer.problems.push(problem.valid("the path of a file; it is not shown, as it may be the secret itself"));
            layer.give_nothing(setting, origin);
        }
        bytes => take(layer, setting, path, Some(variable.to_owned()), bytes),
    }
}

/// Whether nobody would take it for a secret that was put into the wrong variable.
fn is_surely_a_path(path: &Path) -> bool {
    path.is_absolute() || path.starts_with(".") || path.starts_with("..")
}

/// What the folder has that may be meant for `setting`, which has no file there.
pub(super) fn nearly(setting: &Setting, directory: &Path) -> Option<String> {
    let entries = fs::read_dir(directory).ok()?;
    let names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    super::problem::suggest::closest(setting.path, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The first bytes of a file, one more than it may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
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
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let text = str::from_utf8(bytes).map_err(|_| "is not text in UTF-8".to_owned())?;
    let trimmed = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let secret = trimmed.unwrap_or(text);
    match secret {
        "" => Err("is empty".to_owned()),
        _ if secret.ends_with('\n') => Err("ends with more than one line break".to_owned()),
        _ => Ok((secret.to_owned(), trimmed.is_some())),
    }
}
