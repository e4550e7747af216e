//! Releases: what each is made of, under which name it is kept, and for how long, so that a rollback needs neither a build
//! nor a digest looked up by hand.

mod files;
mod images;

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};

pub use files::{FileReleases, files_of};
pub use images::ImageReleases;

use crate::delivery::Service;
use crate::problem::{ExitCode, Problem};
use crate::{digest, docker, git, time};
use files::Files;

/// The longest name: that of a container image's tag, which a release's name becomes.
const MAX_NAME: usize = 128;

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name; one name is one content for ever.
    pub name: String,
    /// The version of its package.
    pub version: Option<String>,
    /// The commit it was built from, if it was built from one and nothing else.
    pub commit: Option<String>,
    /// SHA-256 over what it is made of and how that is started.
    pub digest: String,
    /// The id of its image, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When it was first kept.
    #[serde(with = "time::rfc3339")]
    pub built: SystemTime,
    /// How it is started and asked for its health: as it was then, whatever `delivery.toml` says by now.
    pub service: Service,
}

/// What a release is made of, before it has a name.
#[derive(Debug)]
pub struct Content {
    made_of: MadeOf,
    version: Option<String>,
    commit: Option<String>,
    digest: String,
}

#[derive(Debug)]
enum MadeOf {
    Files(Files),
    Image { id: String, tag: Option<String> },
}

impl Content {
    /// Takes stock of a binary and of the files `delivery.toml` says belong to it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when a file that belongs to the release is missing.
    pub fn of_files(
        root: &Path,
        service: &Service,
        binary: std::path::PathBuf,
        version: Option<String>,
    ) -> anyhow::Result<Content> {
        let files = Files::collect(root, service, binary)?;
        let digest = files.digest(service)?;
        Ok(Content { made_of: MadeOf::Files(files), version, commit: git::clean_commit(root), digest })
    }

    /// Takes stock of an image that the engine has; `reference` is what a person calls it, where one does.
    ///
    /// # Errors
    /// When the service cannot be put into JSON.
    pub fn of_image(service: &Service, reference: Option<&str>, image: &docker::Image) -> anyhow::Result<Content> {
        let label = |name: &str| image.config.labels.as_ref()?.get(name).filter(|value| !value.is_empty()).cloned();
        let mut hash = Hash::new();
        hash.update(serde_json::to_vec(service)?);
        // Not its id: that changes with the time of a build whose result is the same.
        hash.update(serde_json::to_vec(&(&image.root_fs.layers, &image.config.user))?);
        hash.update(serde_json::to_vec(&(&image.config.entrypoint, &image.config.env))?);
        let named = reference.filter(|reference| !reference.contains('@')).and_then(|name| name.rsplit_once(':'));
        let tag = named.map(|(_, tag)| tag).filter(|tag| *tag != "latest" && check_name(tag).is_ok());
        Ok(Content {
            made_of: MadeOf::Image { id: image.id.clone(), tag: tag.map(str::to_owned) },
            version: label("org.opencontainers.image.version"),
            commit: label("org.opencontainers.image.revision"),
            digest: digest::hex(&hash.finalize()),
        })
    }

    /// SHA-256 over what it is made of and how that is started.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names that say where the release comes from, the shorter first: version and commit, or the content's own where no
    /// commit stands for it.
    fn names(&self) -> [String; 2] {
        let version = self.version.as_deref().unwrap_or("0.0.0").replace('+', "-");
        let content: String = self.digest.chars().take(8).collect();
        let commit: String = self.commit.as_deref().unwrap_or_default().chars().take(7).collect();
        let full =
            [version.as_str(), &commit, &content].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let short = match &self.made_of {
            MadeOf::Image { tag: Some(tag), .. } => tag.clone(),
            _ if commit.is_empty() => full.join("-"),
            _ => format!("{version}-{commit}"),
        };
        [short, full.join("-")]
    }
}

/// The releases kept in an environment.
pub trait Releases: Send + Sync {
    /// The release of that name, if it is kept whole.
    fn find(&self, name: &str) -> Option<Release>;
    /// The names of all that are kept, in no order.
    fn names(&self) -> Vec<String>;
    /// All that are kept whole, in no order.
    fn kept(&self) -> Vec<Release> {
        self.names().iter().filter_map(|name| self.find(name)).collect()
    }
    /// Keeps a release.
    ///
    /// # Errors
    /// A [`Problem`] when another version of this tool keeps something under that name; when it is not on disk. Nothing of it
    /// is then left.
    fn store(&self, release: &Release, content: &Content) -> anyhow::Result<()>;
    /// Keeps a release no longer. What stays of it only takes room.
    fn forget(&self, name: &str);
}

impl dyn Releases + '_ {
    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<Release> {
        let mut all = self.kept();
        all.sort_by_key(|release| release.built);
        all
    }

    /// Keeps a content under a name, or finds that it is kept already.
    ///
    /// # Errors
    /// A [`Problem`] when the name cannot be one, stands for another content already, or the disk has no room.
    pub fn keep(&self, content: &Content, service: &Service, name: Option<&str>) -> anyhow::Result<Release> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.free_name(content),
        };
        check_name(&name)?;
        if let Some(kept) = self.find(&name) {
            if kept.digest == content.digest {
                return Ok(kept);
            }
            let message = format!(
                "release `{name}` is kept already, with another content (built {}). A name stands for one content, or a \
                 rollback could not be trusted.",
                time::format(kept.built)
            );
            return Err(Problem::new(ExitCode::Usage, message).next("the same command with another --release").into());
        }
        let image = match &content.made_of {
            MadeOf::Image { id, .. } => Some(id.clone()),
            MadeOf::Files(_) => None,
        };
        let release = Release {
            name,
            version: content.version.clone(),
            commit: content.commit.clone(),
            digest: content.digest.clone(),
            image,
            built: SystemTime::now(),
            service: service.clone(),
        };
        self.store(&release, content).with_context(|| format!("keeping release {}", release.name)).map(|()| release)
    }

    /// Forgets the oldest releases beyond `keep`, but none of those that are `needed`.
    pub fn prune(&self, keep: usize, needed: &[String]) {
        let all = self.all();
        for release in all.iter().take(all.len().saturating_sub(keep)) {
            if !needed.contains(&release.name) {
                self.forget(&release.name);
            }
        }
    }

    fn free_name(&self, content: &Content) -> String {
        let [short, full] = content.names();
        let taken = self.find(&short).is_some_and(|kept| kept.digest != content.digest);
        if taken { full } else { short }
    }
}

/// Leaves what another version of this tool has kept to it: its release may be running. Records are written in one piece, so
/// one that a death has torn is none of them.
///
/// # Errors
/// A [`Problem`] with exit code 2 when there is a record under that name that cannot be read.
fn refuse_unknown(name: &str, record: Option<&str>) -> Result<(), Problem> {
    let Some(Err(error)) = record.map(serde_json::from_str::<Release>) else { return Ok(()) };
    let message = format!(
        "release `{name}` is kept already, by another version of this tool: its record cannot be read ({error}). Nothing was \
         started or changed."
    );
    let problem = Problem::new(ExitCode::Usage, message).next("the same command with another --release");
    Err(problem.next("the same command in a checkout of the version that has kept it, such as a newer one"))
}

/// Looks whether a text can name a release.
///
/// # Errors
/// A [`Problem`] with exit code 2 when it cannot.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let first = name.chars().next().is_some_and(|first| first.is_ascii_alphanumeric());
    let all = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    if first && all && name.len() <= MAX_NAME {
        return Ok(());
    }
    let message = format!(
        "`{name}` cannot name a release: it takes letters, digits, `.`, `_` and `-`, beginning with a letter or digit, \
         {MAX_NAME} at the most."
    );
    Err(Problem::new(ExitCode::Usage, message).next("the same command with --release v2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    #[test]
    fn names_that_could_leave_the_folder_or_are_no_image_tag_are_refused() {
        for name in ["", "..", "../v1", "a/b", "-v", ".hidden", "v 1", "ü", &"v".repeat(129)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("v1.2.3-rc_1").is_ok());
    }

    #[test]
    fn an_image_is_named_after_its_tag_or_else_after_what_its_labels_say() {
        let service = Delivery::parse(DELIVERY).unwrap().service;
        let labels =
            [("org.opencontainers.image.version", "1.2.3"), ("org.opencontainers.image.revision", "0123456789")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let image = docker::Image {
            id: "sha256:1".into(),
            size: 1,
            os: "linux".into(),
            architecture: "amd64".into(),
            repo_digests: Vec::new(),
            root_fs: docker::RootFs::default(),
            config: docker::ImageConfig { labels: Some(labels), ..docker::ImageConfig::default() },
        };
        let name = |reference: &str| Content::of_image(&service, Some(reference), &image).unwrap().names()[0].clone();
        assert_eq!(name("localhost:5000/shop:1.9"), "1.9");
        assert_eq!(name("shop:latest"), "1.2.3-0123456");
        assert_eq!(name("localhost:5000/shop"), "1.2.3-0123456");
        assert_eq!(name("shop@sha256:abc"), "1.2.3-0123456");
    }
}
