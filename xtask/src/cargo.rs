//! Cargo, called from within a `cargo xtask`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Message, MetadataCommand, Package};

use crate::delivery::Service;
use crate::foreign;
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::tools::{CARGO_AUDITABLE, Toolbox};

/// Where it is written down which versions of which crates a workspace is built from.
pub const LOCK_FILE: &str = "Cargo.lock";

/// What the outer cargo tells this program about itself. An inner one would take it for its own and build everything
/// again.
const OWN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_BIN_"];

/// The names of the variables an inner cargo must not see.
pub fn foreign_variables() -> Vec<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| OWN.iter().any(|prefix| name.starts_with(prefix)) || name == "CARGO_PRIMARY_PACKAGE")
        .collect()
}

/// The cargo to call.
pub fn program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Builds one binary and returns where it is.
///
/// # Errors
/// A [`Problem`] with exit code 1 when it does not compile; the compiler has said why by then.
pub fn build(root: &Path, package: &str, binary: &str, profile: &str) -> anyhow::Result<PathBuf> {
    build_with(root, &["--package", package, "--bin", binary, "--profile", profile], binary, &[])
}

/// Builds the service as one file that needs no other to run, not even a C library, that says what it is made of, and that
/// is the same wherever and whenever it is built.
///
/// # Errors
/// Those of [`build`], and of [`Toolbox::ensure`] for what writes into it what it is made of.
pub fn build_static(project: &Project, profile: &str) -> anyhow::Result<PathBuf> {
    static_build(project, (&project.root, &project.delivery.service), None, profile)
}

/// The same of the service as it is in another folder, into one of its own.
///
/// # Errors
/// Those of [`build_static`].
pub fn build_static_of(
    project: &Project,
    of: (&Path, &Service),
    target: &Path,
    profile: &str,
) -> anyhow::Result<PathBuf> {
    static_build(project, of, Some(target), profile)
}

fn static_build(
    project: &Project,
    (root, service): (&Path, &Service),
    target: Option<&Path>,
    profile: &str,
) -> anyhow::Result<PathBuf> {
    let toolbox = Toolbox::of(project);
    // It comes from where crates come from, or from `PATH`: nobody is asked.
    toolbox.ensure(&CARGO_AUDITABLE, Consent::Unavailable)?;
    let mut variables = toolbox.environment(&[CARGO_AUDITABLE])?;
    variables.extend(target.map(|target| ("CARGO_TARGET_DIR", target.into())));
    let target = target.map(Path::to_owned).or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from));
    let target = target.map_or_else(|| root.join("target"), |target| root.join(target));
    variables.extend([
        // By its bare name: what cargo calls a program by goes into the binary of what that has compiled.
        ("RUSTC_WORKSPACE_WRAPPER", CARGO_AUDITABLE.name.into()),
        // What `cargo auditable build` would set besides: of cargo's own flags, those that it is given here.
        ("CARGO_AUDITABLE_ORIG_ARGS", r#"{"offline":false,"locked":false,"frozen":false,"config":[]}"#.into()),
        ("CARGO_ENCODED_RUSTFLAGS", static_flags(root, &target).join("\x1f").into()),
    ]);
    // A target that is named keeps the flags from what runs at compile time, and gets a folder of its own.
    let (package, binary, host) = (&service.package, &service.binary, host()?);
    let args = ["--package", package, "--bin", binary, "--profile", profile, "--target", &host];
    build_with(root, &args, binary, &variables)
}

/// What the compiler is told besides what a person tells it: to link everything in, and to write into the binary no path of
/// this machine, but those of the container that `docker/Dockerfile` compiles in.
fn static_flags(root: &Path, target: &Path) -> Vec<String> {
    let flags = match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(encoded) => encoded.split('\x1f').filter(|flag| !flag.is_empty()).map(str::to_owned).collect(),
        Err(_) => std::env::var("RUSTFLAGS").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    };
    // Of two that fit, the last is taken.
    let paths = [(root, "/source"), (target, "/target"), (&home(), "/cargo")];
    let remapped = paths.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let fixed = ["-C".to_owned(), "target-feature=+crt-static".to_owned()];
    [flags, fixed.to_vec(), remapped.to_vec()].concat()
}

/// What this machine's compiler says about itself: version, commit, target, LLVM.
///
/// # Errors
/// A [`Problem`] with exit code 69 when it does not answer; when there is none.
pub fn compiler() -> anyhow::Result<String> {
    ask_compiler(&["-vV"])
}

/// The folder of the toolchain that this machine's compiler belongs to.
///
/// # Errors
/// Those of [`compiler`].
pub fn sysroot() -> anyhow::Result<PathBuf> {
    Ok(ask_compiler(&["--print", "sysroot"])?.trim().into())
}

fn ask_compiler(args: &[&str]) -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
    answer(&rustc, args)
}

/// What is called `rustc` may be rustup, which answers for a toolchain that is not there.
fn answer(rustc: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(rustc).args(args).output().context("asking rustc about itself")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = foreign::plain(&String::from_utf8_lossy(&output.stderr));
    let message = format!("`{} {}` says nothing about this machine's compiler.", rustc.display(), args.join(" "));
    let problem = Problem::new(ExitCode::Unavailable, message).detail(foreign::last(&said, 10, 2000).lines());
    Err(problem.next("rustup toolchain install").into())
}

/// The target that it builds for by itself.
///
/// # Errors
/// Those of [`compiler`].
pub fn host() -> anyhow::Result<String> {
    let said = compiler()?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc does not say its target")
}

/// The folder in which cargo keeps what belongs to this user.
pub fn home() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default()
}

fn build_with(
    root: &Path,
    args: &[&str],
    binary: &str,
    variables: &[(&'static str, OsString)],
) -> anyhow::Result<PathBuf> {
    let package = args.get(1).copied().unwrap_or(binary);
    let all = [&["build"], args, &["--message-format", "json-render-diagnostics"]].concat();
    // By its bare name it is looked for, which a path would not be.
    let mut command = duct::cmd(program().into_os_string(), all).dir(root).stdin_null();
    for name in foreign_variables() {
        command = command.env_remove(name);
    }
    for (name, value) in variables {
        command = command.env(name, value);
    }
    let told = command.stdout_capture().unchecked().run().context("running cargo")?;
    if !told.status.success() {
        let message = format!("`{package}` does not build; nothing was started or changed.");
        return Err(Problem::new(ExitCode::Failed, message).next(format!("cargo build {}", args.join(" "))).into());
    }
    let built = Message::parse_stream(told.stdout.as_slice()).flatten().find_map(|message| match message {
        Message::CompilerArtifact(artifact) if artifact.target.name == binary => artifact.executable,
        _ => None,
    });
    built.map(Utf8PathBuf::into_std_path_buf).with_context(|| format!("cargo does not say where it has put `{binary}`"))
}

/// What a package of the workspace says about itself; none where there is no workspace or no such package.
pub fn package(root: &Path, package: &str) -> Option<Package> {
    metadata(root).ok()?.packages.into_iter().find(|known| known.name.as_str() == package)
}

/// The version of a package of the workspace; none where there is no workspace or no such package.
pub fn version(root: &Path, name: &str) -> Option<String> {
    package(root, name).map(|package| package.version.to_string())
}

/// The folder of a package of the workspace.
///
/// # Errors
/// When there is no workspace or no such package.
pub fn folder(root: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let metadata = metadata(root)?;
    let known = metadata.packages.iter().find(|known| known.name.as_str() == package);
    let manifest = known.with_context(|| format!("there is no package `{package}` in {}", root.display()))?;
    Ok(manifest.manifest_path.parent().unwrap_or(&metadata.workspace_root).into())
}

/// What cargo says about the workspace at `root`, without what it depends on.
///
/// # Errors
/// When there is no workspace, or cargo cannot read it.
pub fn metadata(root: &Path) -> anyhow::Result<cargo_metadata::Metadata> {
    ask(MetadataCommand::new().no_deps(), root)
}

/// The same with all it depends on for a target, or for any, as it is locked: cargo fetches what is not there.
///
/// # Errors
/// When there is no workspace, cargo cannot read it, its lock file is missing or outgrown, or a crate cannot be fetched.
pub fn metadata_of_all(root: &Path, target: Option<&str>) -> anyhow::Result<cargo_metadata::Metadata> {
    // Cargo would write the lock file anew otherwise, if only in another form.
    let mut options = vec!["--locked".to_owned()];
    options.extend(target.into_iter().flat_map(|target| ["--filter-platform".to_owned(), target.to_owned()]));
    ask(MetadataCommand::new().other_options(options), root)
}

fn ask(command: &mut MetadataCommand, root: &Path) -> anyhow::Result<cargo_metadata::Metadata> {
    command.current_dir(root);
    for name in foreign_variables() {
        command.env_remove(name);
    }
    command.exec().with_context(|| format!("asking cargo about the workspace in {}", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;

    #[test]
    fn a_compiler_that_does_not_answer_is_none() {
        let ask = |script: &str| answer(Path::new("sh"), &["-c", script]);
        assert_eq!(ask("echo rustc 1.0; echo a warning >&2").unwrap(), "rustc 1.0\n");
        let error = ask("echo \"error: toolchain '1.0' is not installed\" >&2; exit 1").unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
        for part in ["| error: toolchain '1.0' is not installed", "next: rustup toolchain install"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
