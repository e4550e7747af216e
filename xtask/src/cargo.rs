//! Cargo, called from within a `cargo xtask`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Message, MetadataCommand};
use xshell::{Shell, cmd};

use crate::problem::{ExitCode, Problem};

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
    let sh = Shell::new()?;
    build_with(&sh, root, &["--package", package, "--bin", binary, "--profile", profile], binary)
}

/// The same, into a folder of its own.
///
/// # Errors
/// Those of [`build`].
pub fn build_into(target: &Path, root: &Path, package: &str, binary: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    sh.set_var("CARGO_TARGET_DIR", target);
    build_with(&sh, root, &["--package", package, "--bin", binary, "--profile", profile], binary)
}

/// The same, as one file that needs no other to run, not even a C library.
///
/// # Errors
/// Those of [`build`].
pub fn build_static(root: &Path, package: &str, binary: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let sh = Shell::new()?;
    let target = host()?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    // A target that is named keeps the flag from what runs at compile time, and gets a folder of its own.
    sh.set_var("RUSTFLAGS", format!("{flags} -C target-feature=+crt-static").trim());
    build_with(&sh, root, &["--package", package, "--bin", binary, "--profile", profile, "--target", &target], binary)
}

/// What this machine's compiler says about itself: version, commit, target, LLVM.
///
/// # Errors
/// When there is no compiler.
pub fn compiler() -> anyhow::Result<String> {
    ask_compiler(&["-vV"])
}

/// The folder of the toolchain that this machine's compiler belongs to.
///
/// # Errors
/// When there is no compiler.
pub fn sysroot() -> anyhow::Result<PathBuf> {
    Ok(ask_compiler(&["--print", "sysroot"])?.trim().into())
}

fn ask_compiler(args: &[&str]) -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
    let output = std::process::Command::new(rustc).args(args).output().context("asking rustc about itself")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The target that it builds for by itself.
///
/// # Errors
/// When there is no compiler.
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

fn build_with(sh: &Shell, root: &Path, args: &[&str], binary: &str) -> anyhow::Result<PathBuf> {
    sh.change_dir(root);
    let cargo = program();
    let package = args.get(1).copied().unwrap_or(binary);
    let mut command = cmd!(sh, "{cargo} build {args...} --message-format json-render-diagnostics").quiet();
    for name in foreign_variables() {
        command = command.env_remove(name);
    }
    let told = command.read().map_err(|_| {
        Problem::new(ExitCode::Failed, format!("`{package}` does not build; nothing was started or changed."))
            .next(format!("cargo build {}", args.join(" ")))
    })?;
    let built = Message::parse_stream(told.as_bytes()).flatten().find_map(|message| match message {
        Message::CompilerArtifact(artifact) if artifact.target.name == binary => artifact.executable,
        _ => None,
    });
    built.map(Utf8PathBuf::into_std_path_buf).with_context(|| format!("cargo does not say where it has put `{binary}`"))
}

/// The version of a package of the workspace; none where there is no workspace or no such package.
pub fn version(root: &Path, package: &str) -> Option<String> {
    let metadata = metadata(root).ok()?;
    metadata.packages.iter().find(|known| known.name.as_str() == package).map(|known| known.version.to_string())
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
    let mut command = MetadataCommand::new();
    command.current_dir(root).no_deps();
    for name in foreign_variables() {
        command.env_remove(name);
    }
    command.exec().with_context(|| format!("asking cargo about the workspace in {}", root.display()))
}
