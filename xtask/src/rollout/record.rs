//! What is on record: which release served when, and what follows from it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::colour::Colour;

/// A release and the settings it is started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The release's name.
    pub release: String,
    /// What `--set` added for this start alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new release became active.
    Deployed,
    /// An earlier release became active again.
    RolledBack,
    /// A release was found serving after its deployer had died, and kept.
    Recovered,
    /// A rollout was taken back before it became active.
    Aborted,
    /// A rollout failed and was left as it stood, for a person to decide.
    Frozen,
}

impl Change {
    /// Whether a release became active by it.
    pub fn promotes(self) -> bool {
        !matches!(self, Change::Aborted | Change::Frozen)
    }
}

/// What served before, and is kept running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// What runs there.
    pub launch: Launch,
    /// Until when.
    #[serde(with = "crate::time::rfc3339")]
    pub until: SystemTime,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in RFC 3339 UTC.
    #[serde(with = "crate::time::rfc3339")]
    pub at: SystemTime,
    /// What happened.
    pub change: Change,
    /// To which release, with what settings.
    pub launch: Launch,
    /// In which colour.
    pub colour: Colour,
    /// What is kept warm in the other colour, after a promotion that keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// Why, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who did it: user and host.
    pub by: String,
}

/// What is serving after all that happened: the last promotion.
pub fn serving(history: &[Entry]) -> Option<Serving> {
    history.iter().rev().find(|entry| entry.change.promotes()).map(|entry| Serving {
        colour: entry.colour,
        launch: entry.launch.clone(),
        warm: entry.warm.clone(),
    })
}

/// The rollout that was left as it stood, if nobody has decided about it yet: the candidate's colour and what runs there.
pub fn frozen(history: &[Entry]) -> Option<(Colour, Launch)> {
    let last = history.last().filter(|entry| entry.change == Change::Frozen)?;
    Some((last.colour, last.launch.clone()))
}

/// The releases one can go back through, oldest first, the active one last. A rollback takes back what came after its
/// target, so two rollbacks in a row go back two releases instead of returning to the one that was just rejected.
pub fn lineage(history: &[Entry]) -> Vec<Launch> {
    let mut line: Vec<Launch> = Vec::new();
    for entry in history {
        match entry.change {
            Change::Aborted | Change::Frozen => {}
            Change::Deployed => line.push(entry.launch.clone()),
            Change::RolledBack | Change::Recovered => match line.iter().rposition(|launch| *launch == entry.launch) {
                Some(target) => line.truncate(target + 1),
                None => line.push(entry.launch.clone()),
            },
        }
    }
    line
}

/// What the ledger says is serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The active colour.
    pub colour: Colour,
    /// What was promoted there.
    pub launch: Launch,
    /// What is kept warm in the other colour, if something is.
    pub warm: Option<Warm>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(change: Change, release: &str) -> Entry {
        Entry {
            at: SystemTime::UNIX_EPOCH,
            change,
            launch: Launch { release: release.into(), settings: BTreeMap::new() },
            colour: Colour::Blue,
            warm: None,
            reason: None,
            by: "someone@somewhere".into(),
        }
    }

    fn names(history: &[Entry]) -> Vec<String> {
        lineage(history).into_iter().map(|launch| launch.release).collect()
    }

    #[test]
    fn an_aborted_rollout_changes_neither_what_serves_nor_the_way_back() {
        let history = [entry(Change::Deployed, "v1"), entry(Change::Aborted, "v2")];
        assert_eq!(serving(&history).unwrap().launch.release, "v1");
        assert_eq!(names(&history), ["v1"]);
    }

    #[test]
    fn a_frozen_rollout_stays_one_until_it_is_taken_back_or_promoted() {
        let mut history = vec![entry(Change::Deployed, "v1"), entry(Change::Frozen, "v2")];
        assert_eq!(frozen(&history).unwrap().1.release, "v2");
        assert_eq!(serving(&history).unwrap().launch.release, "v1");
        history.push(entry(Change::Aborted, "v2"));
        assert_eq!(frozen(&history), None);
    }

    #[test]
    fn two_rollbacks_go_back_two_releases() {
        let mut history =
            vec![entry(Change::Deployed, "v1"), entry(Change::Deployed, "v2"), entry(Change::Deployed, "v3")];
        history.push(entry(Change::RolledBack, "v2"));
        assert_eq!(names(&history), ["v1", "v2"]);
        history.push(entry(Change::RolledBack, "v1"));
        assert_eq!(names(&history), ["v1"]);
    }
}
