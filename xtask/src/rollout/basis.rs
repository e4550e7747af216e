//! What a plan was made from, in a few letters: a plan is carried out only while that has not changed.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::colour::Colour;
use super::observed::Observed;
use super::policy::Policy;
use super::record::Launch;
use crate::digest;

/// The fingerprint of what a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Basis(String);

/// What of a colour decides about a plan.
#[derive(Serialize)]
struct Side<'a> {
    launch: Option<&'a Launch>,
    occupied: bool,
    fit: bool,
}

impl Basis {
    const LETTERS: usize = 12;

    /// Of what is observed and by which policy it is planned.
    ///
    /// # Errors
    /// When it cannot be put into JSON.
    pub fn of(observed: &Observed, policy: &Policy) -> anyhow::Result<Basis> {
        let sides = Colour::BOTH.map(|colour| {
            let there = observed.colours.get(colour);
            Side { launch: there.launch.as_ref(), occupied: there.state.occupies(), fit: observed.is_fit(colour) }
        });
        // Where no proxy runs, what is on disk is replaced by its start in any case.
        let splits = observed.routing.running.map(|running| (running, observed.routing.persisted));
        let serving = observed.serving.as_ref().map(|serving| (serving.colour, &serving.launch));
        let json = serde_json::to_vec(&(sides, splits, serving, &observed.frozen, policy))?;
        Ok(Basis(digest::of(json).chars().take(Basis::LETTERS).collect()))
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Basis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_one = text.len() == Basis::LETTERS && text.chars().all(|letter| letter.is_ascii_hexdigit());
        let basis = is_one.then(|| Basis(text.to_ascii_lowercase()));
        basis.ok_or_else(|| format!("`{text}` is not what `--plan` prints: {} hexadecimal digits", Basis::LETTERS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::colour::{PerColour, Split};
    use crate::rollout::observed::{Instance, Routing};

    #[test]
    fn it_changes_with_what_decides_and_with_nothing_else() {
        let policy: Policy =
            toml::from_str("steps = [{ set_weight = 100 }]\nbake = \"1s\"\nkeep_warm = \"1m\"").unwrap();
        let mut observed = Observed {
            colours: PerColour { blue: Instance::default(), green: Instance::default() },
            routing: Routing::default(),
            serving: None,
            frozen: None,
            now: std::time::SystemTime::UNIX_EPOCH,
        };
        let before = Basis::of(&observed, &policy).unwrap();
        assert_eq!(before.to_string().parse(), Ok(before.clone()));
        observed.now = std::time::SystemTime::now();
        assert_eq!(Basis::of(&observed, &policy).unwrap(), before);
        observed.routing.running = Some(Split::all(Colour::Blue));
        assert_ne!(Basis::of(&observed, &policy).unwrap(), before);
        assert!("xyz".parse::<Basis>().is_err());
    }
}
