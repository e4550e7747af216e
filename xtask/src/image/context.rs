//! The folder a build context is put together in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::Context as _;

use super::{skeleton, source};
use crate::delivery::Service;

/// Where things are in the image; the Dockerfile starts the binary there.
const BINARY: &str = "release/service";
const RELEASE: &str = "release";
/// What programs look up when they ask for a name or check a certificate; an image from scratch has neither.
const NSSWITCH: &str = "hosts: files dns\n";
const PASSWD: &str = "service:x:65532:65532::/:/none\n";
const GROUP: &str = "service:x:65532:\n";
const CA_BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// A folder of this build's own, gone when it goes out of scope.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(root: &Path) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(root.join(format!("target/xtask/image-{}-{number}", std::process::id())));
        // One of the same number may have been killed.
        let _ = fs::remove_dir_all(&folder.0);
        folder
    }

    /// What the engine is given.
    pub(super) fn context(&self) -> PathBuf {
        self.0.join("context")
    }

    /// What it is not given.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts into `out/` what is to be in the image, the binary only where there is one.
    pub(super) fn stage(&self, root: &Path, service: &Service, binary: Option<&Path>) -> anyhow::Result<()> {
        let out = self.context().join("out");
        let copy = |source: &Path, target: &str| copy(source, &out.join(target));
        binary.map_or(Ok(()), |binary| copy(binary, BINARY))?;
        for (name, source) in crate::releases::files_of(root, service)? {
            copy(&source, &format!("{RELEASE}/{name}"))?;
        }
        let bundle = Path::new("/").join(CA_BUNDLE);
        if bundle.exists() {
            copy(&bundle, CA_BUNDLE)?;
        }
        fs::create_dir_all(out.join("etc"))?;
        [("nsswitch.conf", NSSWITCH), ("passwd", PASSWD), ("group", GROUP)]
            .into_iter()
            .try_for_each(|(name, text)| fs::write(out.join("etc").join(name), text))?;
        Ok(settle(&out)?)
    }

    /// Puts the project into `source/`, as a fresh clone with what is new in it.
    pub(super) fn stage_source(&self, root: &Path) -> anyhow::Result<PathBuf> {
        let folder = self.context().join("source");
        for name in source::files(root)? {
            copy(&root.join(&name), &folder.join(&name))?;
        }
        Ok(folder)
    }

    /// Puts the project's manifests into `manifests/`, with a stub for each source, and gives its packages.
    pub(super) fn stage_manifests(&self, root: &Path) -> anyhow::Result<Vec<String>> {
        let skeleton = skeleton::Skeleton::of(root)?;
        let folder = self.context().join("manifests");
        for name in &skeleton.files {
            copy(&root.join(name), &folder.join(name))?;
        }
        for name in &skeleton.stubs {
            write(&folder.join(name), skeleton::STUB)?;
        }
        Ok(skeleton.members)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays only takes room.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(source: &Path, target: &Path) -> anyhow::Result<()> {
    let copied = || -> std::io::Result<()> {
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        if source.is_symlink() && !source.is_file() {
            return std::os::unix::fs::symlink(fs::read_link(source)?, target);
        }
        fs::copy(source, target).map(drop)
    };
    copied().with_context(|| format!("copying {}", source.display()))
}

fn write(target: &Path, text: &str) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(target, text)
    };
    written().with_context(|| format!("writing {}", target.display()))
}

/// The same files are to make the same layer, whenever they were copied and by whom, and anybody is to read them.
fn settle(path: &Path) -> std::io::Result<()> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| settle(&entry?.path()))?;
    }
    let mode = if kind.is_dir() || kind.permissions().mode() & 0o100 != 0 { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    fs::File::open(path)?.set_modified(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, Repository};

    const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n";

    fn project() -> (Repository, Service) {
        let files = [
            ("Cargo.toml", MANIFEST),
            ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n"),
            ("src/main.rs", "fn main() { println!(\"the real one\"); }\n"),
            ("config/base.toml", "a = 1\n"),
            (".gitignore", "target\nignored\n"),
            ("ignored", "a secret"),
        ];
        let mut service = Delivery::parse(DELIVERY).unwrap().service;
        service.files = vec!["config".to_owned()];
        (Repository::with(&files), service)
    }

    #[test]
    fn what_is_staged_is_the_same_whoever_has_copied_it_and_when_and_is_gone_afterwards() {
        let (project, service) = project();
        let binary = project.root().join("built");
        fs::write(&binary, "a program").unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(project.root().join("config/base.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        let folder = Folder::new(project.root());
        folder.stage(project.root(), &service, Some(&binary)).unwrap();
        let out = folder.context().join("out");
        for (name, mode) in [
            ("release/service", 0o755),
            ("release/config/base.toml", 0o644),
            ("etc/passwd", 0o644),
            ("etc/nsswitch.conf", 0o644),
            ("release", 0o755),
        ] {
            let told = fs::metadata(out.join(name)).unwrap();
            let times = (told.permissions().mode() & 0o7777, told.modified().unwrap());
            assert_eq!(times, (mode, SystemTime::UNIX_EPOCH), "{name}");
        }
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn sources_are_those_of_a_fresh_clone_and_the_manifests_have_stubs_for_them() {
        let (project, _) = project();
        let folder = Folder::new(project.root());
        let source = folder.stage_source(project.root()).unwrap();
        assert!(source.join("config/base.toml").exists() && !source.join("ignored").exists());
        assert_eq!(folder.stage_manifests(project.root()).unwrap(), ["shop"]);
        let manifests = folder.context().join("manifests");
        assert_eq!(fs::read_to_string(manifests.join("src/main.rs")).unwrap(), skeleton::STUB);
        assert_eq!(fs::read_to_string(manifests.join("Cargo.toml")).unwrap(), MANIFEST);
    }
}
