//! Programs of a test's own in place of those of the machine.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Puts a script where a program of this name is looked for, once `folder` comes first in PATH.
pub fn stand_in_for(program: &str, script: &str, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(program);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The PATH in which it does.
pub fn path_with(folder: &Path) -> OsString {
    let rest = std::env::var_os("PATH").unwrap();
    std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&rest))).unwrap()
}

/// A PATH whose `docker` does something else first.
pub fn docker_that(first: &str, folder: &Path) -> OsString {
    let rest = std::env::var("PATH").unwrap();
    stand_in_for("docker", &format!("{first}\nPATH='{rest}' exec docker \"$@\""), folder);
    path_with(folder)
}

/// A PATH whose `docker` is without one of its plug-ins.
pub fn docker_without(plugin: &str, folder: &Path) -> OsString {
    let refusal = format!("echo \"docker: '{plugin}' is not a docker command.\" >&2");
    docker_that(&format!("[ \"$1\" = {plugin} ] && {refusal} && exit 1"), folder)
}
