//! What the message of a commit says of the change, where it is written as Conventional Commits 1.0.0 have it:
//! <https://www.conventionalcommits.org>. Pure.

use semver::Version;

use crate::versions::Level;

/// Words by which a commit's message says that what worked before does not any more.
const BREAKING: [&str; 2] = ["BREAKING CHANGE: ", "BREAKING-CHANGE: "];

/// How much a commit changes for those who use the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Something is mended, or nobody says what it is.
    Small,
    /// Something is new.
    Feature,
    /// What worked before does not any more.
    Breaking,
}

impl Change {
    /// That of a commit. A subject that is a plain sentence says no more than that something was changed.
    pub(crate) fn of(message: &str) -> Change {
        let header = Header::parse(message);
        let is_told = message.lines().skip(1).any(|line| BREAKING.iter().any(|words| line.starts_with(words)));
        match header {
            Some(Header { breaking: true, .. }) => Change::Breaking,
            _ if is_told => Change::Breaking,
            Some(Header { kind, .. }) if kind == "feat" => Change::Feature,
            _ => Change::Small,
        }
    }

    /// By how much it raises a version. Before 1.0.0 cargo takes a higher minor number for one that breaks, so a feature is
    /// no more than a patch there.
    pub(crate) fn level(self, from: &Version) -> Level {
        match (self, from.major) {
            (Change::Breaking, 1..) => Level::Major,
            (Change::Breaking, 0) | (Change::Feature, 1..) => Level::Minor,
            (Change::Feature, 0) | (Change::Small, _) => Level::Patch,
        }
    }

    /// What the commits that make a version so have in common.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Change::Small => "none adds a feature or breaks anything",
            Change::Feature => "a feature",
            Change::Breaking => "a breaking change",
        }
    }
}

/// The first line of a message: `feat(door)!: close it by itself`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// In small letters.
    pub(crate) kind: String,
    pub(crate) scope: Option<String>,
    pub(crate) breaking: bool,
    pub(crate) description: String,
}

impl Header {
    /// That of a message; none where it is a plain sentence.
    pub(crate) fn parse(message: &str) -> Option<Header> {
        let (before, description) = message.lines().next()?.split_once(": ")?;
        let (before, breaking) = before.strip_suffix('!').map_or((before, false), |before| (before, true));
        let (kind, scope) = match before.split_once('(') {
            Some((kind, scope)) => (kind, Some(scope.strip_suffix(')').filter(|scope| !scope.is_empty())?.to_owned())),
            None => (before, None),
        };
        let is_word = !kind.is_empty() && kind.chars().all(|letter| letter.is_ascii_alphabetic());
        let description = description.trim().to_owned();
        let is_whole = is_word && !description.is_empty();
        is_whole.then(|| Header { kind: kind.to_ascii_lowercase(), scope, breaking, description })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_how_much_it_changes() {
        let table = [
            ("Close the door by itself", Change::Small, "0.1.1", "1.0.1"),
            ("fix: close the door", Change::Small, "0.1.1", "1.0.1"),
            ("perf(door): close it faster", Change::Small, "0.1.1", "1.0.1"),
            ("Merge the builders: one is left", Change::Small, "0.1.1", "1.0.1"),
            ("feat: a door", Change::Feature, "0.1.1", "1.1.0"),
            ("Feat(house): a door", Change::Feature, "0.1.1", "1.1.0"),
            ("feature: no such type", Change::Small, "0.1.1", "1.0.1"),
            ("feat:no space", Change::Small, "0.1.1", "1.0.1"),
            ("feat!: a round door", Change::Breaking, "0.2.0", "2.0.0"),
            ("chore(door)!: take it away", Change::Breaking, "0.2.0", "2.0.0"),
            ("fix: a door\n\nText.\n\nBREAKING CHANGE: it is round", Change::Breaking, "0.2.0", "2.0.0"),
            ("A door\n\nBREAKING-CHANGE: it is round", Change::Breaking, "0.2.0", "2.0.0"),
            ("A door\n\nNo BREAKING CHANGE: it is as before", Change::Small, "0.1.1", "1.0.1"),
            ("", Change::Small, "0.1.1", "1.0.1"),
        ];
        for (message, change, young, grown) in table {
            assert_eq!(Change::of(message), change, "{message}");
            for (from, to) in [("0.1.0", young), ("1.0.0", grown)] {
                let from = Version::parse(from).unwrap();
                assert_eq!(change.level(&from).raise(&from).to_string(), to, "{message}");
            }
        }
    }

    #[test]
    fn a_header_is_read_in_its_parts() {
        let header = Header::parse("Fix(the door)!:  close it \n\nfeat: not this").unwrap();
        let (kind, scope, description) = (header.kind.as_str(), header.scope.as_deref(), header.description.as_str());
        assert_eq!((kind, scope, header.breaking, description), ("fix", Some("the door"), true, "close it"));
        for plain in ["fix(: it", "fix(): it", "fix it: now", ": it", "fix: ", "fix(a)b: it", "fix"] {
            assert_eq!(Header::parse(plain), None, "{plain}");
        }
    }
}
