//! Versions in `Cargo.toml` and `Cargo.lock`. Pure.
//!
//! Both are changed where a version stands and nowhere else: cargo itself would look at every other crate, and would need
//! the registry's index for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use semver::{Op, Version, VersionReq};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::edits::Edits;

/// What is raised.
#[derive(Debug)]
pub(super) struct Raise<'a> {
    /// The members of the workspace by the folders of their manifests, each with its name and its version until now.
    pub(super) members: BTreeMap<PathBuf, (String, Version)>,
    /// The folder of the workspace's own manifest.
    pub(super) root: PathBuf,
    /// What all of them are to have.
    pub(super) to: &'a Version,
}

/// A value of a table, with its place.
type Value<'a> = Spanned<DeValue<'a>>;

impl Raise<'_> {
    /// A manifest with the new version, where it is that of the workspace or a member, and in what it requires of members.
    ///
    /// # Errors
    /// When it cannot be read, or requires of a member what cannot be raised.
    pub(super) fn manifest(&self, text: &str, folder: &Path) -> Result<String, String> {
        let (is_root, is_member) = (folder == self.root, self.members.contains_key(folder));
        let manifest = match DeTable::parse(text) {
            Ok(manifest) => manifest,
            Err(error) if is_root || is_member => return Err(error.to_string()),
            // One that cargo reads is right; this one is somebody's example of what is not.
            Err(_) => return Ok(text.to_owned()),
        };
        let manifest = manifest.get_ref();
        let mut edits = Edits::default();
        if is_root {
            let shared = table(manifest, "workspace").and_then(|workspace| table(workspace, "package"));
            self.raise_version(shared, &mut edits);
        }
        if is_member {
            self.raise_version(table(manifest, "package"), &mut edits);
        }
        for dependency in dependencies(manifest) {
            self.raise_requirement(text, dependency, folder, &mut edits)?;
        }
        Ok(edits.apply(text))
    }

    /// One that is inherited is no text, and stays.
    fn raise_version(&self, package: Option<&DeTable<'_>>, edits: &mut Edits) {
        if let Some((_, place)) = package.and_then(|package| string(package, "version")) {
            edits.replace(place, format!("\"{}\"", self.to));
        }
    }

    fn raise_requirement(
        &self,
        text: &str,
        dependency: &DeTable<'_>,
        folder: &Path,
        edits: &mut Edits,
    ) -> Result<(), String> {
        let (Some((path, _)), Some((required, place))) = (string(dependency, "path"), string(dependency, "version"))
        else {
            return Ok(());
        };
        let member = self.members.get(&joined(folder, path)).filter(|(_, until_now)| until_now != self.to);
        let Some((member, _)) = member else { return Ok(()) };
        let raised = requirement(required, self.to).ok_or_else(|| {
            let line = text.get(..place.start).unwrap_or_default().matches('\n').count() + 1;
            format!("line {line}: what is required of `{member}`, `{required}`, cannot be raised to {}", self.to)
        })?;
        edits.replace(place, format!("\"{raised}\""));
        Ok(())
    }

    /// A lock file with the new version of every member that it names; other crates come from somewhere.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn lock(&self, text: &str) -> Result<String, String> {
        let lock = DeTable::parse(text).map_err(|error| error.to_string())?;
        let packages = lock.get_ref().get("package").and_then(|packages| packages.get_ref().as_array());
        let packages = packages.into_iter().flatten().filter_map(|package| package.get_ref().as_table());
        let mut edits = Edits::default();
        for package in packages {
            let is_member = |version: &str| {
                let name = string(package, "name").map(|(name, _)| name);
                package.get("source").is_none() && name.is_some_and(|name| self.is_member(name, version))
            };
            if let Some((_, place)) = string(package, "version").filter(|(version, _)| is_member(version)) {
                edits.replace(place, format!("\"{}\"", self.to));
            }
            let used = package.get("dependencies").and_then(|used| used.get_ref().as_array());
            for used in used.into_iter().flatten() {
                // The version stands beside a name that several crates have, and besides it where one comes from.
                let Some((name, version)) = used.get_ref().as_str().and_then(|used| used.split_once(' ')) else {
                    continue;
                };
                if self.is_member(name, version) {
                    edits.replace(used.span(), format!("\"{name} {}\"", self.to));
                }
            }
        }
        Ok(edits.apply(text))
    }

    fn is_member(&self, name: &str, version: &str) -> bool {
        self.members.values().any(|(member, until_now)| member == name && until_now.to_string() == version)
    }
}

/// Every table that says what is depended on, and how.
fn dependencies<'a>(manifest: &'a DeTable<'a>) -> impl Iterator<Item = &'a DeTable<'a>> {
    const KINDS: [&str; 5] =
        ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];
    let targets = table(manifest, "target").into_iter().flat_map(|targets| targets.values());
    let targets = targets.filter_map(|target| target.get_ref().as_table());
    let holders = [Some(manifest), table(manifest, "workspace")].into_iter().flatten().chain(targets);
    let lists = holders.flat_map(|holder| KINDS.into_iter().filter_map(move |kind| table(holder, kind)));
    lists.flat_map(|list| list.values()).filter_map(|dependency: &Value<'_>| dependency.get_ref().as_table())
}

fn table<'a>(of: &'a DeTable<'a>, key: &str) -> Option<&'a DeTable<'a>> {
    of.get(key)?.get_ref().as_table()
}

fn string<'a>(of: &'a DeTable<'_>, key: &str) -> Option<(&'a str, Range<usize>)> {
    let value = of.get(key)?;
    Some((value.get_ref().as_str()?, value.span()))
}

/// What is required, of the new version; none where a person has to decide.
fn requirement(required: &str, to: &Version) -> Option<String> {
    let parsed = VersionReq::parse(required).ok()?;
    match parsed.comparators.as_slice() {
        [one] if matches!(one.op, Op::Exact | Op::GreaterEq | Op::Tilde | Op::Caret) => {
            let number = required.find(|letter: char| letter.is_ascii_digit())?;
            Some(format!("{}{to}", required.get(..number)?))
        }
        _ => parsed.matches(to).then(|| required.to_owned()),
    }
}

/// A path from a folder on, without looking at any disk.
fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut joined = folder.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => drop(joined.pop()),
            Component::CurDir => {}
            component => joined.push(component),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(change: impl Fn(&Raise<'_>) -> Result<String, String>) -> Result<String, String> {
        let to = Version::parse("0.2.0").unwrap();
        let member =
            |name: &str| (PathBuf::from("/work").join(name), (name.to_owned(), Version::parse("0.1.0").unwrap()));
        change(&Raise { members: ["shop", "till"].map(member).into(), root: "/work".into(), to: &to })
    }

    fn manifest(folder: &str, text: &str) -> Result<String, String> {
        raised(|raise| raise.manifest(text, Path::new(folder)))
    }

    #[test]
    fn a_manifest_is_changed_where_a_version_stands_and_nowhere_else() {
        let of_the_workspace = "# ours\n[workspace]\nmembers = ['shop']\r\n\n[workspace.package]\n  version   = '0.1.0' # now\n\n\
            [workspace.dependencies]\ntill = { path = \"till\", version = \"0.1\" }\nserde = \"0.1.0\"\n";
        let expected =
            of_the_workspace.replace("'0.1.0' #", "\"0.2.0\" #").replace("version = \"0.1\"", "version = \"0.2.0\"");
        assert_eq!(manifest("/work", of_the_workspace).unwrap(), expected);

        let of_a_member = "[package]\nversion = \"0.1.0\"\nname = \"shop\"\n\n[dependencies]\n\
            till = { version = \"=0.1.0\", path = \"../till\" } # kept\nother = { path = \"../other\", version = \"0.1.0\" }\n\n\
            [dev-dependencies.till]\npath = \"../till/.\"\nversion = \">= 0.1.0\"\n\n\
            [target.'cfg(unix)'.build-dependencies]\ntill = { path = \"../till\" }\n";
        let expected = of_a_member
            .replacen("version = \"0.1.0\"\nname", "version = \"0.2.0\"\nname", 1)
            .replace("=0.1.0\",", "=0.2.0\",")
            .replace(">= 0.1.0", ">= 0.2.0");
        assert_eq!(manifest("/work/shop", of_a_member).unwrap(), expected);
    }

    #[test]
    fn what_is_inherited_or_no_member_keeps_its_version() {
        let inherited = "[package]\nname = \"shop\"\nversion.workspace = true\n";
        assert_eq!(manifest("/work/shop", inherited).unwrap(), inherited);
        let apart = "[package]\nname = \"fuzz\"\nversion = \"0.1.0\"\n[dependencies]\nshop = { path = \"../shop\", version = \"0.1.0\" }\n";
        let expected = apart.replace("shop\", version = \"0.1.0\"", "shop\", version = \"0.2.0\"");
        assert_eq!(manifest("/work/fuzz", apart).unwrap(), expected);
    }

    #[test]
    fn a_requirement_that_nobody_can_raise_is_named() {
        let table = [
            ("*", Some("*")),
            (">=0.1, <0.3", Some(">=0.1, <0.3")),
            ("~0.1", Some("~0.2.0")),
            (">=0.1, <0.2", None),
            ("0.1.*", None),
            ("<0.2", None),
        ];
        for (required, expected) in table {
            let text =
                |required: &str| format!("[dependencies]\ntill = {{ path = \"../till\", version = \"{required}\" }}\n");
            let raised = manifest("/work/shop", &text(required));
            match expected {
                Some(expected) => assert_eq!(raised.unwrap(), text(expected)),
                None => assert!(raised.unwrap_err().starts_with("line 2: what is required of `till`"), "{required}"),
            }
        }
        assert!(manifest("/work/shop", "[package").is_err());
        assert_eq!(manifest("/work/examples/wrong", "[package").unwrap(), "[package");
    }

    #[test]
    fn a_lock_file_follows_for_members_alone() {
        let lock = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"0.1.0\"\nsource = \"registry\"\n\n\
            [[package]]\nname = \"shop\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n \"till 0.1.0\",\n \"till 0.1.0 (registry)\",\n]\n\n\
            [[package]]\nname = \"till\"\nversion = \"0.1.0\"\nsource = \"registry\"\n\n[[package]]\nname = \"till\"\nversion = \"0.1.0\"\n\n\
            [[package]]\nname = \"other\"\nversion = \"0.1.0\"\n";
        let expected = lock
            .replace("\"shop\"\nversion = \"0.1.0\"", "\"shop\"\nversion = \"0.2.0\"")
            .replace("\"till\"\nversion = \"0.1.0\"\n\n", "\"till\"\nversion = \"0.2.0\"\n\n")
            .replace("\"till 0.1.0\"", "\"till 0.2.0\"");
        assert_eq!(raised(|raise| raise.lock(lock)).unwrap(), expected);
        assert_eq!(raised(|raise| raise.lock("version = 4\n")).unwrap(), "version = 4\n");
    }
}
