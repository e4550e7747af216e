//! What runs the colours and the proxy: processes of this machine, or containers of a Docker engine.

pub mod choice;
pub mod compose;
pub mod process;
pub mod readiness;
pub mod shim;

use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::rollout::world::Runtime;
use crate::router::config::Addresses;
use crate::router::haproxy::HaProxy;

/// What verbs ask of colours beyond what the rollout does with them.
pub trait Colours: Runtime {
    /// Where a colour listens.
    fn address(&self, colour: Colour) -> SocketAddr;
    /// When what runs there was last started; none where nothing runs.
    fn started(&self, colour: Colour) -> Option<SystemTime>;
    /// Looks whether a release could be started in a colour.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 69 when its address is taken by something else.
    fn preflight(&self, colour: Colour) -> anyhow::Result<()>;
    /// Looks whether a hook could be run.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 75 while one still runs that has outlived its deployer.
    fn preflight_hook(&self) -> anyhow::Result<()>;
    /// Runs the release's own check of its configuration, with all the settings it would start with and the secrets that are
    /// staged.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 78 and what the check said.
    fn check_config(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()>;
    /// What it has written; none when nothing was ever started there.
    fn log(&self, colour: Colour) -> Option<Box<dyn Log + '_>>;
}

/// What a colour or the proxy has written.
pub trait Log {
    /// Writes the last lines, and goes on with what follows if that is asked for.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn print(&self, lines: usize, follow: bool, out: &mut dyn io::Write) -> io::Result<()>;
}

/// What verbs ask of the place the proxy runs in, beyond routing.
pub trait ProxyHome: Send + Sync {
    /// Where proxy and colours listen, as the proxy sees it.
    fn addresses(&self) -> Addresses;
    /// The program that checks its configuration there.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 69 when it is missing.
    fn checker(&self) -> anyhow::Result<String>;
    /// Whether it is being kept running.
    ///
    /// # Errors
    /// When that cannot be looked at.
    fn is_alive(&self) -> anyhow::Result<bool>;
    /// Looks whether it could be started.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 69 when its address is taken or it is not installed.
    fn preflight(&self) -> anyhow::Result<()>;
    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// Those of [`ProxyHome::preflight`], and when it cannot be started.
    fn start(&self) -> anyhow::Result<()>;
    /// Has a newer proxy take over where there is one, without losing a connection; finishes what a deployer that died has
    /// left half-way. Says what was done.
    ///
    /// # Errors
    /// When the newer one does not come up; the older one then goes on.
    fn follow_image(&self, router: &HaProxy<'_>) -> anyhow::Result<Option<String>>;
    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be told.
    fn stop(&self) -> anyhow::Result<()>;
    /// What it has written; none when it was never started.
    fn log(&self) -> Option<Box<dyn Log + '_>>;
    /// The last lines it wrote of itself, oldest first.
    fn log_tail(&self, lines: usize) -> Vec<String> {
        // Among those of requests there are few.
        const AMONG: usize = 5000;
        let mut told = tail(self.log(), AMONG);
        told.retain(|line| !line.starts_with('{'));
        told.split_off(told.len().saturating_sub(lines))
    }
}

/// The last lines of a log, oldest first.
fn tail(log: Option<Box<dyn Log + '_>>, lines: usize) -> Vec<String> {
    let mut text = Vec::new();
    // What cannot be read is not there to be shown.
    let _ = log.map(|log| log.print(lines, false, &mut text));
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// What an environment keeps, and where.
pub trait Home: Send + Sync {
    /// What a person calls this kind of runtime.
    fn name(&self) -> &'static str;
    /// Whether there is anything to act on.
    ///
    /// # Errors
    /// When that cannot be looked at.
    fn exists(&self) -> anyhow::Result<bool>;
    /// Makes the place, for this user alone: what the service logs is nobody else's.
    ///
    /// # Errors
    /// When it is not there and cannot be made.
    fn create(&self) -> anyhow::Result<()>;
    /// Puts the secrets to where a release's check of its configuration finds them, and no release that runs.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 78 for one that has no value.
    fn stage_secrets(&self) -> anyhow::Result<()>;
    /// Gives the releases the staged secrets, to be started with from then on.
    ///
    /// # Errors
    /// When they cannot be written.
    fn accept_secrets(&self) -> anyhow::Result<()>;
    /// Removes the staged secrets.
    ///
    /// # Errors
    /// When one stays.
    fn discard_secrets(&self) -> anyhow::Result<()>;
    /// Removes the place and all that is in it, under the lock.
    ///
    /// # Errors
    /// When something stays.
    fn clear(&self) -> anyhow::Result<()>;
    /// Removes what could not be removed under the lock.
    ///
    /// # Errors
    /// When something stays.
    fn vanish(&self) -> anyhow::Result<()>;
}
