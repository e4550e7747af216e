//! What looks like a committed secret and is none, as `delivery.toml` says it.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::config_lint::committed::Kind;

/// The table `[committed_secrets]`; without it, nothing is allowed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommittedSecrets {
    /// What `config-lint` says nothing about.
    pub allow: Vec<Allow>,
}

/// What somebody has looked at, and what opens nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The files it stands in: a path from the project's root, or another of git's pathspecs.
    pub path: Spanned<String>,
    /// Of that kind alone; else of any.
    pub kind: Option<Kind>,
    /// The SHA-256 of the text that was found; else whatever is found in those files.
    pub sha256: Option<Spanned<String>>,
    /// Why it opens nothing.
    pub reason: Spanned<String>,
}

impl CommittedSecrets {
    pub(super) fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        self.allow.iter().flat_map(Allow::mistakes).collect()
    }
}

impl Allow {
    fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        const KEY: &str = "committed_secrets.allow";
        let path = self.path.get_ref();
        let pathless = path.trim().is_empty().then(|| {
            (
                self.path.span(),
                format!("{KEY}: a path is missing; write one from the project's root, such as docs/keys.md"),
            )
        });
        let unfounded = self
            .reason
            .get_ref()
            .trim()
            .is_empty()
            .then(|| (self.reason.span(), format!("{KEY}: {path} needs a reason that somebody else can follow")));
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        let wrong = self.sha256.iter().filter(|digest| !is_digest(digest.get_ref())).map(|digest| {
            (digest.span(), format!("{KEY}: {path} needs the SHA-256 that config-lint prints, 64 hexadecimal digits"))
        });
        pathless.into_iter().chain(unfounded).chain(wrong).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config_lint::committed::Kind;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn parse(allow: &str) -> Result<Delivery, String> {
        let text = format!("[[committed_secrets.allow]]\n{allow}\n{DELIVERY}");
        Delivery::parse(&text).map_err(|mistakes| mistakes.join("\n"))
    }

    #[test]
    fn a_file_is_allowed_as_a_whole_or_by_what_stands_in_it() {
        assert!(Delivery::parse(DELIVERY).unwrap().committed_secrets.allow.is_empty());
        let whole = parse("path = \"docs\"\nreason = \"shown in the manual\"").unwrap().committed_secrets.allow;
        assert!(whole[0].sha256.is_none() && whole[0].kind.is_none());
        let digest =
            format!("path = \"a\"\nkind = \"jwt\"\nreason = \"long expired\"\nsha256 = \"{}\"", "0f".repeat(32));
        assert_eq!(parse(&digest).unwrap().committed_secrets.allow[0].kind, Some(Kind::Jwt));
    }

    #[test]
    fn an_allowance_without_a_reason_or_for_nothing_is_shown_where_it_stands() {
        for (allow, expected) in [
            ("path = \"a\"", "missing field `reason`"),
            ("reason = \"r\"", "missing field `path`"),
            ("path = \"a\"\nreason = \" \"", "delivery.toml:3:10: committed_secrets.allow: a needs a reason"),
            ("path = \"\"\nreason = \"r\"", "delivery.toml:2:8: committed_secrets.allow: a path is missing"),
            (
                "path = \"a\"\nreason = \"r\"\nsha256 = \"0F\"",
                "delivery.toml:4:10: committed_secrets.allow: a needs the SHA",
            ),
            ("path = \"a\"\nreason = \"r\"\nkind = \"tokn\"", "unknown variant `tokn`, expected one of `private-key`"),
        ] {
            let mistakes = parse(allow).unwrap_err();
            assert!(mistakes.contains(expected), "{mistakes}");
        }
    }
}
