//! The closed sets of words that settings choose from.

use std::fmt;

/// Declares an enum together with the words that stand for its variants, so that neither can miss one.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every word of the set, in the order of declaration.
            pub const WORDS: &[&str] = &[$($word),+];

            /// Every member of the set, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as configuration, logs and headers write it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The member that `word` stands for, letter for letter.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a release runs, and so which file of the configuration applies and how strict it is.
    Environment {
        /// A developer's machine.
        Development = "development",
        /// The rehearsal before production; may inject faults.
        Staging = "staging",
        /// Real users.
        Production = "production",
    }
}

impl Environment {
    /// These in a sentence, such as `staging and production`.
    #[must_use]
    pub fn listed(environments: &[Self]) -> String {
        listed(&environments.iter().map(|environment| environment.as_str()).collect::<Vec<_>>())
    }
}

/// Words in a sentence: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

words! {
    /// The least severe log event that is written.
    LogLevel {
        /// Only what needs a person.
        Error = "error",
        /// Also what may soon need one.
        Warn = "warn",
        /// Also one line for each request and each change of state.
        Info = "info",
        /// Also requests of health checks and metrics scrapes.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// How a log event is laid out.
    LogFormat {
        /// One JSON object a line, for machines.
        Json = "json",
        /// Coloured text, for people.
        Pretty = "pretty",
    }
}

words! {
    /// Which side of a blue/green pair a process is.
    Colour {
        /// The blue side.
        Blue = "blue",
        /// The green side.
        Green = "green",
        /// Not part of a pair.
        None = "none",
    }
}
