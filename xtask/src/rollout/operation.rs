//! The things an engine does, as data: what is planned, shown, executed and journalled is the same.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::colour::{Colour, Split};
use super::policy::Span;
use super::record::{Change, Launch};

/// One thing the engine does. Each can be done again without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Start the proxy, if it does not run.
    StartProxy {
        /// The split it begins with.
        split: Split,
    },
    /// Start a release in a colour.
    Start {
        /// Where.
        colour: Colour,
        /// What.
        launch: Launch,
    },
    /// Wait until the colour is ready and the proxy holds it for up.
    AwaitReady {
        /// Which.
        colour: Colour,
    },
    /// Ask the colour for the smoke paths before it gets any traffic.
    Smoke {
        /// Which.
        colour: Colour,
    },
    /// Run a release's own binary once.
    Hook {
        /// At which point.
        at: HookPoint,
        /// As which colour.
        colour: Colour,
        /// Which release.
        launch: Launch,
        /// With these arguments.
        command: Vec<String>,
        /// For so long at the most.
        timeout: Span,
    },
    /// Change what share of the requests each colour gets.
    SetSplit {
        /// To what.
        split: Split,
    },
    /// Let the candidate serve its share, watching it.
    Bake {
        /// Which.
        colour: Colour,
        /// For how long.
        span: Span,
    },
    /// Hold the candidate at its share, watching it: for so long, or until somebody says how to go on.
    Pause {
        /// Which.
        colour: Colour,
        /// For how long, if not until somebody says so.
        span: Option<Span>,
    },
    /// Judge the requests since the watching began.
    Analyse {
        /// The candidate.
        colour: Colour,
        /// How long another window is, where the policy wants to see one.
        span: Span,
    },
    /// Write down that this colour is the active one.
    Promote {
        /// Which.
        colour: Colour,
        /// What it runs.
        launch: Launch,
        /// By a deploy or a rollback.
        change: Change,
        /// How long the other colour is kept warm, if it is.
        keep_warm: Option<Span>,
    },
    /// Write down that the rollout that was left as it stood is no more.
    Abandon {
        /// The candidate's colour.
        colour: Colour,
        /// What ran there.
        launch: Launch,
    },
    /// Wait until nothing is in flight at a colour that gets no new requests.
    Drain {
        /// Which.
        colour: Colour,
    },
    /// End a colour.
    Stop {
        /// Which.
        colour: Colour,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::StartProxy { split } => write!(f, "start the proxy with {split}"),
            Operation::Start { colour, launch } => {
                write!(f, "start {} as {colour}", launch.release)?;
                launch.settings.iter().try_for_each(|(key, value)| write!(f, ", {key}={value}"))
            }
            Operation::AwaitReady { colour } => write!(f, "wait until {colour} is ready"),
            Operation::Smoke { colour } => write!(f, "smoke-test {colour}"),
            Operation::Hook { at, launch, .. } => write!(f, "run the hook {at} of {}", launch.release),
            Operation::SetSplit { split } => write!(f, "split traffic: {split}"),
            Operation::Bake { colour, span } => write!(f, "watch {colour} for {span}"),
            Operation::Pause { colour, span: Some(span) } => write!(f, "pause with {colour} at its share for {span}"),
            Operation::Pause { colour, span: None } => {
                write!(f, "pause with {colour} at its share until `resume` or `promote`")
            }
            Operation::Analyse { colour, .. } => write!(f, "judge the requests of {colour}"),
            Operation::Promote { colour, keep_warm: Some(span), .. } => {
                write!(f, "promote {colour}, keep {} warm for {span}", colour.other())
            }
            Operation::Promote { colour, keep_warm: None, .. } => write!(f, "promote {colour}"),
            Operation::Abandon { launch, .. } => write!(f, "write down that {} was taken back", launch.release),
            Operation::Drain { colour } => write!(f, "drain {colour}"),
            Operation::Stop { colour } => write!(f, "stop {colour}"),
        }
    }
}

/// The points at which a hook can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// When the candidate is ready and has had no traffic.
    PreShift,
    /// When it has been promoted.
    PostPromote,
    /// When it was taken back.
    OnAbort,
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HookPoint::PreShift => "pre_shift",
            HookPoint::PostPromote => "post_promote",
            HookPoint::OnAbort => "on_abort",
        })
    }
}
