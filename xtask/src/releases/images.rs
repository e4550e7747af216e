//! Releases of the container runtimes: an image each, held by a tag of ours, and a record in the ledger.

use std::collections::BTreeSet;

use super::{Content, MadeOf, Release, Releases, check_name, refuse_unknown};
use crate::docker::{self, Image};
use crate::host::Host;
use crate::say;

const FOLDER: &str = "releases";

/// The releases whose images the engine holds for one environment. Each environment has tags of its own: what is pruned in
/// one stays in the others.
pub struct ImageReleases<'a> {
    host: &'a dyn Host,
    repository: String,
}

impl<'a> ImageReleases<'a> {
    /// Those on record in what `host` gives access to, held by tags of `project`.
    pub fn of(host: &'a dyn Host, project: &str) -> ImageReleases<'a> {
        ImageReleases { host, repository: format!("{project}/release") }
    }

    /// What is on record, whether its image is still there or not.
    pub fn on_record(&self, name: &str) -> Option<Release> {
        if check_name(name).is_err() {
            return None;
        }
        serde_json::from_str(&self.host.read(&record(name)).ok()??).ok()
    }

    fn tag(&self, name: &str) -> String {
        format!("{}:{name}", self.repository)
    }
}

fn record(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

impl Releases for ImageReleases<'_> {
    fn find(&self, name: &str) -> Option<Release> {
        let release = self.on_record(name)?;
        docker::image(release.image.as_deref()?).ok()?.map(|_| release)
    }

    fn names(&self) -> Vec<String> {
        let listed = self.host.list(FOLDER).unwrap_or_default();
        listed.iter().filter_map(|name| name.strip_suffix(".json")).map(str::to_owned).collect()
    }

    fn kept(&self) -> Vec<Release> {
        let mut releases: Vec<_> = self.names().iter().filter_map(|name| self.on_record(name)).collect();
        let wanted: BTreeSet<_> = releases.iter().filter_map(|release| release.image.as_deref()).collect();
        let found = docker::inspect_all::<Image>("image", &wanted.into_iter().collect::<Vec<_>>()).unwrap_or_default();
        releases.retain(|release| found.iter().any(|image| Some(&image.id) == release.image.as_ref()));
        releases
    }

    fn store(&self, release: &Release, content: &Content) -> anyhow::Result<()> {
        let MadeOf::Image { id, .. } = &content.made_of else {
            anyhow::bail!("a folder is not kept as an image");
        };
        let record = record(&release.name);
        refuse_unknown(&release.name, self.host.read(&record)?.as_deref())?;
        docker::read(&["tag", id, &self.tag(&release.name)])?;
        self.host.replace(&record, &serde_json::to_string_pretty(release)?)
    }

    fn forget(&self, name: &str) {
        if let Err(error) = docker::read(&["rmi", "--no-prune", &self.tag(name)])
            && !docker::is_missing(&error)
        {
            say!("  warning  the image of release {name} stays: {error:#}");
        }
        // A record without its image is not found.
        let _ = self.host.remove(&record(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::docker::{ImageConfig, RootFs};
    use crate::host::Local;
    use crate::testing::{DELIVERY, TempDir};

    #[test]
    fn what_another_version_of_this_tool_has_kept_is_left_to_it() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        host.replace(&record("v1"), "{\"novelty\": 1}").unwrap();
        let service = Delivery::parse(DELIVERY).unwrap().service;
        let image = Image {
            id: "sha256:1".into(),
            size: 1,
            os: "linux".into(),
            architecture: "amd64".into(),
            repo_digests: Vec::new(),
            root_fs: RootFs::default(),
            config: ImageConfig::default(),
        };
        let content = Content::of_image(&service, None, &image).unwrap();
        let releases = ImageReleases::of(&host, "switchyard-test-of-a-record");
        let releases: &dyn Releases = &releases;
        let refusal = format!("{:#}", releases.keep(&content, &service, Some("v1")).unwrap_err());
        assert!(refusal.contains("by another version of this tool"), "{refusal}");
        assert_eq!(host.read(&record("v1")).unwrap().unwrap(), "{\"novelty\": 1}");
    }
}
