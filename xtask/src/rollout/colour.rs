//! The two colours and how traffic is split between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the two places a release can run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// The first one to be used in a new environment.
    Blue,
    /// The other one.
    Green,
}

impl Colour {
    /// Both, in the order in which they are always shown.
    pub const BOTH: [Colour; 2] = [Colour::Blue, Colour::Green];

    /// The colour that is not this one.
    #[must_use]
    pub fn other(self) -> Colour {
        match self {
            Colour::Blue => Colour::Green,
            Colour::Green => Colour::Blue,
        }
    }

    /// The name used in files, in the proxy and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Colour::Blue => "blue",
            Colour::Green => "green",
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Colour::BOTH
            .into_iter()
            .find(|colour| colour.name() == text)
            .ok_or_else(|| format!("`{text}` is not a colour; there are blue and green"))
    }
}

/// One thing for each colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerColour<T> {
    /// Blue's.
    pub blue: T,
    /// Green's.
    pub green: T,
}

impl<T> PerColour<T> {
    /// Makes one for each.
    pub fn from_fn(mut make: impl FnMut(Colour) -> T) -> Self {
        PerColour { blue: make(Colour::Blue), green: make(Colour::Green) }
    }

    /// Asks for each colour in turn.
    ///
    /// # Errors
    /// The first error met; the other colour is then not asked.
    pub fn try_from_fn<E>(mut make: impl FnMut(Colour) -> Result<T, E>) -> Result<Self, E> {
        Ok(PerColour { blue: make(Colour::Blue)?, green: make(Colour::Green)? })
    }

    /// The thing of one colour.
    pub fn get(&self, colour: Colour) -> &T {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }

    /// The thing of one colour, to be changed.
    pub fn get_mut(&mut self, colour: Colour) -> &mut T {
        match colour {
            Colour::Blue => &mut self.blue,
            Colour::Green => &mut self.green,
        }
    }

    /// The same for each colour, made from what is here.
    pub fn map<U>(&self, mut make: impl FnMut(Colour, &T) -> U) -> PerColour<U> {
        PerColour { blue: make(Colour::Blue, &self.blue), green: make(Colour::Green, &self.green) }
    }
}

/// The percentage of requests each colour gets. Only green's is kept, so the two cannot but sum to 100.
///
/// ```
/// use xtask::rollout::colour::{Colour, Split};
///
/// let split = Split::giving(Colour::Green, 10);
/// assert_eq!((split.share(Colour::Blue), split.share(Colour::Green)), (90, 10));
/// assert_eq!(split.sole(), None);
/// assert_eq!(Split::all(Colour::Blue).sole(), Some(Colour::Blue));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PerColour<u8>", into = "PerColour<u8>")]
pub struct Split {
    green: u8,
}

impl Split {
    /// Everything to one colour.
    pub fn all(colour: Colour) -> Split {
        Split::giving(colour, 100)
    }

    /// `weight` percent (0–100, more is taken as 100) to `colour`, the rest to the other.
    pub fn giving(colour: Colour, weight: u8) -> Split {
        let weight = weight.min(100);
        match colour {
            Colour::Green => Split { green: weight },
            Colour::Blue => Split { green: 100 - weight },
        }
    }

    /// The percentage `colour` gets.
    pub fn share(self, colour: Colour) -> u8 {
        match colour {
            Colour::Green => self.green,
            Colour::Blue => 100 - self.green,
        }
    }

    /// The colour that gets everything, if one does.
    pub fn sole(self) -> Option<Colour> {
        Colour::BOTH.into_iter().find(|colour| self.share(*colour) == 100)
    }

    /// The colour with the larger share; blue when both have half.
    pub fn leader(self) -> Colour {
        if self.green > 50 { Colour::Green } else { Colour::Blue }
    }
}

impl From<PerColour<u8>> for Split {
    fn from(shares: PerColour<u8>) -> Self {
        Split::giving(Colour::Green, shares.green)
    }
}

impl From<Split> for PerColour<u8> {
    fn from(split: Split) -> Self {
        PerColour { blue: split.share(Colour::Blue), green: split.share(Colour::Green) }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blue {} %, green {} %", self.share(Colour::Blue), self.share(Colour::Green))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_sums_to_a_hundred() {
        for colour in Colour::BOTH {
            for weight in 0..=u8::MAX {
                let split = Split::giving(colour, weight);
                assert_eq!(split.share(Colour::Blue) + split.share(Colour::Green), 100);
                assert_eq!(split.share(colour), weight.min(100));
            }
        }
    }

    #[test]
    fn sole_and_leader_name_the_colour_that_serves() {
        assert_eq!(Split::all(Colour::Green).sole(), Some(Colour::Green));
        assert_eq!(Split::giving(Colour::Green, 99).sole(), None);
        assert_eq!(Split::giving(Colour::Green, 51).leader(), Colour::Green);
        assert_eq!(Split::giving(Colour::Green, 50).leader(), Colour::Blue);
    }

    #[test]
    fn a_split_reads_back_as_it_was_written() {
        let split = Split::giving(Colour::Blue, 30);
        let json = serde_json::to_string(&split).unwrap();
        assert_eq!(json, r#"{"blue":30,"green":70}"#);
        assert_eq!(serde_json::from_str::<Split>(&json).unwrap(), split);
    }
}
