//! The container of an environment's hooks, of which there is one at a time: by its name the engine refuses a second.

use std::hash::{BuildHasher as _, RandomState};

use super::inspected::Inspected;
use super::stack::Stack;
use crate::docker;
use crate::docker_host::typed;
use crate::problem::{ExitCode, Problem};

/// The label in which stands what it is a hook of.
const RELEASE: &str = "switchyard.release";
/// The label by which a deployer knows the container that it has made itself.
const CALL: &str = "switchyard.call";

/// One run of a hook.
pub(super) struct Hook {
    container: String,
    call: String,
}

impl Hook {
    pub(super) fn of(stack: &Stack) -> Hook {
        let call = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Hook { container: format!("{}-hook", stack.project()), call }
    }

    /// What `docker run` is told of it.
    pub(super) fn args(&self, release: &str) -> [String; 3] {
        let Hook { container, call } = self;
        [format!("--name={container}"), format!("--label={RELEASE}={release}"), format!("--label={CALL}={call}")]
    }

    /// Looks whether it may be run, and removes what is left of one that does not run.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while one runs that has outlived its deployer: to end it would leave half a migration.
    pub(super) fn require_alone(&self) -> anyhow::Result<()> {
        let Some(found) = self.inspect()? else { return Ok(()) };
        if matches!(found.state.status.as_str(), "running" | "paused" | "restarting") {
            return Err(self.still_runs(&found).into());
        }
        docker::remove_ended(&found.id)
    }

    /// Ends it, where there is more left of it than the command that waited for it.
    pub(super) fn end(&self) {
        let own = |found: &Inspected| found.label(CALL) == Some(self.call.as_str());
        // The error to tell is the one that it ended with.
        if let Some(found) = self.inspect().ok().flatten().filter(own) {
            let _ = docker::read_at_once(&["rm", "--force", &found.id]);
        }
    }

    fn inspect(&self) -> anyhow::Result<Option<Inspected>> {
        docker::inspect("container", &self.container)
    }

    fn still_runs(&self, found: &Inspected) -> Problem {
        let Hook { container, .. } = self;
        let command = found.config.cmd.as_deref().unwrap_or_default().join(" ");
        let release = found.label(RELEASE).unwrap_or("an unknown release");
        let since = &found.state.started_at;
        let message = format!(
            "the hook `{command}` of {release} still runs in the container {container}, since {since}: its deployer is gone. \
             No other one is begun beside it, and it is not ended: half a migration is the worst of all."
        );
        let problem = Problem::new(ExitCode::Busy, message).next(typed(&format!("logs --follow {container}")));
        problem.next(typed(&format!("wait {container}"))).next("the same command, once it has ended")
    }
}
