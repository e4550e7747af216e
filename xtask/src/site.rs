//! An environment as it stands on this machine: its folder, and the runtime, router and ledger that act on it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::delivery::{Delivery, Environment};
use crate::host::Local;
use crate::ledger::FileLedger;
use crate::problem::{ExitCode, Problem, command};
use crate::project::Project;
use crate::release::Releases;
use crate::rollout::plan::Operation;
use crate::rollout::world::{SystemClock, World};
use crate::router::haproxy::HaProxy;
use crate::runtime::process::ProcessRuntime;
use crate::runtime::process::proxy::ProxyProcess;

/// The ignored folder, in the project's root, that holds everything the process runtime keeps.
pub const FOLDER: &str = ".switchyard";

/// An environment on this machine.
pub struct Site {
    /// Its name.
    pub name: String,
    /// The project it belongs to.
    pub project: Project,
    /// Its folder.
    pub folder: PathBuf,
    releases: Releases,
    host: Local,
    environment: Environment,
}

impl Site {
    /// The environment of that name in the project the current folder lies in.
    ///
    /// # Errors
    /// Those of [`Project::here`] and [`Delivery::environment`].
    pub fn open(name: &str) -> anyhow::Result<Site> {
        let project = Project::here()?;
        let environment = project.delivery.environment(name)?.clone();
        let folder = project.root.join(FOLDER).join(name);
        Ok(Site {
            name: name.to_owned(),
            releases: Releases::at(folder.join("releases")),
            host: Local::new(&folder),
            project,
            folder,
            environment,
        })
    }

    /// What `delivery.toml` says of it.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// All that `delivery.toml` says.
    pub fn delivery(&self) -> &Delivery {
        &self.project.delivery
    }

    /// The releases kept here.
    pub fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Looks whether there is anything to act on.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when nothing was ever deployed here.
    pub fn require_deployed(&self) -> Result<(), Problem> {
        if self.folder.exists() { Ok(()) } else { Err(self.nothing_deployed()) }
    }

    /// The answer where there is nothing to act on.
    pub fn nothing_deployed(&self) -> Problem {
        let message = format!("nothing has been deployed to {} yet.", self.name);
        Problem::new(ExitCode::Usage, message).next(command("up", &self.name))
    }

    /// Makes its folder, for this user alone: what `--set` passed on, and what the service logs, is nobody else's.
    ///
    /// # Errors
    /// When it is not there and cannot be made.
    pub fn create(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("making {}", self.folder.display()))
    }

    /// What acts on it.
    pub fn enter(&self) -> Scene<'_> {
        let (proxy, tail) = (self.proxy(), self.proxy().shim());
        let router = HaProxy::new(&self.host, Box::new(move || proxy.start()), Box::new(move || tail.tail(10)));
        let (ledger, clock) = (FileLedger::new(&self.host, &self.name), SystemClock::start());
        Scene { runtime: self.runtime(), proxy: self.proxy(), router, ledger, clock }
    }

    fn runtime(&self) -> ProcessRuntime<'_> {
        ProcessRuntime {
            name: &self.name,
            delivery: &self.project.delivery,
            environment: &self.environment,
            folder: &self.folder,
            releases: &self.releases,
        }
    }

    fn proxy(&self) -> ProxyProcess<'_> {
        ProxyProcess {
            name: &self.name,
            delivery: &self.project.delivery,
            environment: &self.environment,
            folder: self.folder.join("proxy"),
            config: self.project.root.join(&self.project.delivery.proxy.config),
        }
    }

    /// The folder all environments' folders lie in.
    pub fn parent(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }
}

/// What acts on an environment.
pub struct Scene<'a> {
    /// Its runtime.
    pub runtime: ProcessRuntime<'a>,
    /// The process its proxy is.
    pub proxy: ProxyProcess<'a>,
    /// Its router.
    pub router: HaProxy<'a>,
    /// Its ledger.
    pub ledger: FileLedger<'a>,
    clock: SystemClock,
}

impl Scene<'_> {
    /// Looks whether nothing stands in the way of a plan, before any of it is done.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 for what is missing or taken, 78 for a configuration that is refused.
    pub fn preflight(&self, operations: &[Operation]) -> anyhow::Result<()> {
        operations.iter().try_for_each(|operation| match operation {
            Operation::StartProxy { .. } => self.proxy.preflight(),
            Operation::Start { colour, .. } => self.runtime.preflight(*colour),
            _ => Ok(()),
        })
    }

    /// The same, as the rollout's engine takes it.
    pub fn world(&self) -> World<'_> {
        World { runtime: &self.runtime, router: &self.router, ledger: &self.ledger, clock: &self.clock }
    }
}
