//! What counts against the dependencies, as `delivery.toml` says it.

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::advisories::Severity;
use crate::rollout::policy::Span;
use crate::time::Day;

const DAY: u64 = 24 * 60 * 60;

/// The table `[advisories]`; without it, everything is as here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Advisories {
    /// A checkout, a bare repository or a bundle of the database, instead of one that is fetched; relative to the project.
    pub database: Option<PathBuf>,
    /// Where the database is fetched from.
    pub url: String,
    /// How old the database's newest commit may be.
    pub max_age: Span,
    /// The least severity that fails; high and critical always do.
    pub fail_on: Spanned<Severity>,
    /// What does not fail all the same.
    pub ignore: Vec<Ignore>,
}

/// An advisory that somebody has looked into.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// Its id, such as `RUSTSEC-2020-0071`.
    pub id: String,
    /// Why it does no harm here.
    pub reason: Spanned<String>,
    /// The last day on which that holds.
    pub until: Day,
}

impl Default for Advisories {
    fn default() -> Advisories {
        Advisories {
            database: None,
            url: "https://github.com/RustSec/advisory-db".into(),
            max_age: Span::secs(7 * DAY),
            fail_on: Spanned::new(0..0, Severity::High),
            ignore: Vec::new(),
        }
    }
}

impl Advisories {
    pub(super) fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let too_late = (*self.fail_on.get_ref() > Severity::High).then(|| {
            let text = "advisories.fail_on: high fails in any case; write note, low, medium or high";
            (self.fail_on.span(), text.to_owned())
        });
        let unfounded = self.ignore.iter().filter(|ignore| ignore.reason.get_ref().trim().is_empty()).map(|ignore| {
            let text = format!("advisories.ignore: {} needs a reason that somebody else can follow", ignore.id);
            (ignore.reason.span(), text)
        });
        too_late.into_iter().chain(unfounded).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn parse(table: &str) -> Result<Delivery, String> {
        Delivery::parse(&format!("[advisories]\n{table}\n{DELIVERY}")).map_err(|mistakes| mistakes.join("\n"))
    }

    #[test]
    fn what_is_not_said_is_as_strict_as_it_can_be() {
        let advisories = Delivery::parse(DELIVERY).unwrap().advisories;
        assert_eq!((advisories.max_age.to_string(), advisories.fail_on.get_ref().name()), ("7days".into(), "high"));
        assert!(advisories.ignore.is_empty());
        let advisories = parse("fail_on = \"note\"\nmax_age = \"1d\"").unwrap().advisories;
        assert_eq!((advisories.max_age.to_string(), advisories.fail_on.get_ref().name()), ("1day".into(), "note"));
    }

    #[test]
    fn an_ignored_advisory_has_a_reason_and_a_last_day() {
        let ignore = |rest: &str| parse(&format!("ignore = [{{ id = \"RUSTSEC-2020-0071\", {rest} }}]"));
        assert!(ignore("reason = \"not called\", until = \"2026-12-31\"").is_ok());
        for (rest, expected) in [
            ("reason = \"not called\"", "missing field `until`"),
            ("until = \"2026-12-31\"", "missing field `reason`"),
            (
                "reason = \" \", until = \"2026-12-31\"",
                "config/delivery.toml:2:48: advisories.ignore: RUSTSEC-2020-0071",
            ),
            ("reason = \"not called\", until = \"next year\"", "`next year` is no day"),
            ("reason = \"not called\", until = \"2026-02-30\"", "`2026-02-30` is no day"),
        ] {
            let mistakes = ignore(rest).unwrap_err();
            assert!(mistakes.contains(expected), "{mistakes}");
        }
    }

    #[test]
    fn high_cannot_be_let_pass() {
        let mistakes = parse("fail_on = \"critical\"").unwrap_err();
        assert!(mistakes.contains("config/delivery.toml:2:11: advisories.fail_on"), "{mistakes}");
    }
}
