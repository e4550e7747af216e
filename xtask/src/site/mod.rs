//! An environment as it stands: what runs it, and the runtime, router and ledger that act on it.

mod ground;

use crate::certificate;
use crate::delivery::{Delivery, Environment, RuntimeChoice};
use crate::flags::Queue;
use crate::host::{Container, Host};
use crate::ledger::FileLedger;
use crate::problem::{ExitCode, Problem, command};
use crate::progress::Reader;
use crate::project::Project;
use crate::prometheus::Prometheus;
use crate::releases::{ImageReleases, Releases};
use crate::rollout::operation::Operation;
use crate::rollout::world::{SystemClock, World};
use crate::router::config::Config;
use crate::router::haproxy::HaProxy;
use crate::runtime::choice::{self, Chosen};
use crate::runtime::compose::ComposeRuntime;
use crate::runtime::compose::home::ComposeHome;
use crate::runtime::compose::proxy::ProxyContainer;
use crate::runtime::compose::stack::Stack;
use crate::runtime::process::ProcessRuntime;
use crate::runtime::process::home::ProcessHome;
use crate::runtime::process::proxy::ProxyProcess;
use crate::runtime::{Colours, Home, ProxyHome};
use crate::{docker_host, secrets};
use ground::{Ground, choose_engine, edge_listens};

/// The ignored folder, in the project's root, that holds everything the process runtime keeps.
pub const FOLDER: &str = ".switchyard";

/// An environment.
pub struct Site {
    /// Its name.
    pub name: String,
    /// The project it belongs to.
    pub project: Project,
    environment: Environment,
    ground: Ground,
}

impl Site {
    /// The environment of that name in the project the current folder lies in, to look at or to change what is there.
    ///
    /// # Errors
    /// Those of [`Project::here`] and [`Delivery::environment`]; 78 when it names no engine that can be asked, and 69 when it runs in containers and no engine answers.
    pub fn open(name: &str) -> anyhow::Result<Site> {
        Site::of(Project::here()?, name)
    }

    /// The environment of that name in a project, to look at or to change what is there.
    ///
    /// # Errors
    /// Those of [`Delivery::environment`]; 78 when it names no engine that can be asked, and 69 when it runs in containers and no engine answers.
    pub fn of(project: Project, name: &str) -> anyhow::Result<Site> {
        let environment = project.delivery.environment(name)?.clone();
        choose_engine(name, &environment)?;
        let standing = Ground::standing(&project, name, &environment, environment.runtime)?;
        // Where nothing is, there is nothing to see, whatever would run it.
        let ground = standing.unwrap_or_else(|| Ground::process(&project, name));
        Ok(Site { name: name.to_owned(), project, environment, ground })
    }

    /// The same, to deploy to: where nothing is yet, it is decided and said what will run it.
    ///
    /// # Errors
    /// Those of [`Site::open`], and a [`Problem`] with exit code 69 or 78 when what was asked for cannot be had.
    pub fn open_to_deploy(name: &str, choice: Option<RuntimeChoice>, reader: Reader) -> anyhow::Result<Site> {
        let project = Project::here()?;
        let environment = project.delivery.environment(name)?.clone();
        choose_engine(name, &environment)?;
        let choice = choice.unwrap_or(environment.runtime);
        let chosen = match Ground::standing(&project, name, &environment, RuntimeChoice::Auto)? {
            Some(ground) => Chosen::standing(ground.runtime(), choice, name)?,
            None => choice::choose(choice, &project, name, &environment)?,
        };
        reader.tell(&chosen.why);
        let ground = match chosen.runtime {
            RuntimeChoice::Compose => Ground::compose(&project, name, &environment)?,
            _ => Ground::process(&project, name),
        };
        Ok(Site { name: name.to_owned(), project, environment, ground })
    }

    /// What `delivery.toml` says of it.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// All that `delivery.toml` says.
    pub fn delivery(&self) -> &Delivery {
        &self.project.delivery
    }

    /// What runs it: `process` or `compose`.
    pub fn runtime(&self) -> RuntimeChoice {
        self.ground.runtime()
    }

    /// Its containers, networks and volumes, where that is what runs it.
    pub fn stack(&self) -> Option<&Stack> {
        match &self.ground {
            Ground::Process { .. } => None,
            Ground::Compose { stack, .. } => Some(stack),
        }
    }

    /// The place in whose network its proxy listens, and the Docker engine's name, where that is not this machine.
    pub fn elsewhere(&self) -> Option<(&Container, &'static str)> {
        match &self.ground {
            Ground::Process { .. } => None,
            Ground::Compose { host, .. } => Some((host, docker_host::elsewhere()?)),
        }
    }

    /// Where it is reached, in words.
    pub fn whereabouts(&self) -> String {
        let url = self.environment.url();
        match self.elsewhere().filter(|_| self.environment.url.is_none()) {
            Some((_, host)) => format!("{url} on {host}"),
            None => url,
        }
    }

    /// Looks whether there is anything to act on.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when nothing was ever deployed here.
    pub fn require_deployed(&self) -> anyhow::Result<()> {
        if self.enter().home.exists()? { Ok(()) } else { Err(self.nothing_deployed().into()) }
    }

    /// Looks whether the secrets of a release and the certificate of its proxy are at hand.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 for one that has no value or cannot be used.
    pub fn require_secrets(&self) -> anyhow::Result<()> {
        secrets::require(&secrets::of(&self.project.root, &self.name, &self.environment))?;
        certificate::at_hand(self).map(drop)
    }

    /// The answer where there is nothing to act on.
    pub fn nothing_deployed(&self) -> Problem {
        let message = format!("nothing has been deployed to {} yet.", self.name);
        Problem::new(ExitCode::Usage, message).next(command("up", &self.name))
    }

    /// What acts on it.
    pub fn enter(&self) -> Scene<'_> {
        let start = || self.install_proxy_config().and_then(|()| self.proxy().start());
        let tail = || self.proxy().log_tail(10);
        let router = HaProxy::new(self.ground.host(), Box::new(start), Box::new(tail));
        Scene {
            site: self,
            host: self.ground.host(),
            home: self.home(),
            colours: self.colours(),
            proxy: self.proxy(),
            releases: self.releases(),
            router: match &self.ground {
                Ground::Process { .. } => router,
                Ground::Compose { host, .. } => router.only_while(|| edge_listens(host)),
            },
            ledger: FileLedger::new(self.ground.host(), &self.name),
            clock: SystemClock::start(),
        }
    }

    /// Takes the lock of the environment for a verb.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while another deployer is at work.
    pub fn lock<'a>(&'a self, verb: &str, queue: &Queue) -> anyhow::Result<(Scene<'a>, bool)> {
        let scene = self.enter();
        scene.home.create()?;
        let wait = queue.wait.map_or(std::time::Duration::ZERO, |wait| *wait);
        let unfinished = scene.ledger.lock(verb, wait, &scene.clock)?;
        Ok((scene, unfinished))
    }

    fn home(&self) -> Box<dyn Home + '_> {
        let secrets = secrets::of(&self.project.root, &self.name, &self.environment);
        match &self.ground {
            Ground::Process { folder, host, .. } => Box::new(ProcessHome { folder, host, secrets }),
            Ground::Compose { stack, host, .. } => {
                let forget_releases = Box::new(|| {
                    let releases = self.releases();
                    releases.names().iter().for_each(|name| releases.forget(name));
                });
                Box::new(ComposeHome { stack, host, secrets, forget_releases })
            }
        }
    }

    /// The releases kept here.
    pub fn releases(&self) -> Box<dyn Releases + '_> {
        match &self.ground {
            Ground::Process { releases, .. } => Box::new(releases.clone()),
            Ground::Compose { stack, host, .. } => Box::new(ImageReleases::of(host, stack.project())),
        }
    }

    fn colours(&self) -> Box<dyn Colours + '_> {
        let (name, delivery, environment) = (self.name.as_str(), &self.project.delivery, &self.environment);
        match &self.ground {
            Ground::Process { folder, releases, .. } => {
                Box::new(ProcessRuntime { name, delivery, environment, folder, releases })
            }
            Ground::Compose { stack, host } => {
                let releases = ImageReleases::of(host, stack.project());
                Box::new(ComposeRuntime { name, delivery, environment, stack, host, releases })
            }
        }
    }

    fn proxy(&self) -> Box<dyn ProxyHome + '_> {
        let (name, environment) = (self.name.as_str(), &self.environment);
        match &self.ground {
            Ground::Process { folder, .. } => {
                Box::new(ProxyProcess { name, environment, folder: folder.join("proxy") })
            }
            Ground::Compose { stack, host } => Box::new(ProxyContainer { name, environment, stack, host }),
        }
    }

    /// The proxy's configuration as the project has it by now.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it cannot be read.
    pub fn proxy_config(&self) -> anyhow::Result<Config> {
        let delivery = self.delivery();
        let environment = (self.name.as_str(), &self.environment);
        let addresses = self.proxy().addresses();
        let root = &self.project.root;
        let key = secrets::preview_key(root, &self.name, &self.environment).map(|key| key.value()).transpose()?;
        Config::read(root, &delivery.proxy.config, &delivery.service, environment, &addresses, key)
    }

    /// Gives the proxy that configuration, if HAProxy accepts it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it does not.
    pub fn install_proxy_config(&self) -> anyhow::Result<()> {
        self.proxy_config()?.install(self.ground.host(), &self.proxy().checker()?)
    }
}

/// What acts on an environment.
pub struct Scene<'a> {
    site: &'a Site,
    /// Its files and sockets.
    pub host: &'a dyn Host,
    /// What it keeps, and where.
    pub home: Box<dyn Home + 'a>,
    /// Its colours.
    pub colours: Box<dyn Colours + 'a>,
    /// Where its proxy runs.
    pub proxy: Box<dyn ProxyHome + 'a>,
    /// The releases kept there.
    pub releases: Box<dyn Releases + 'a>,
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
    /// A [`Problem`] with exit code 69 for what is missing or taken, 75 for a hook that has outlived its deployer, 78 for a
    /// configuration that is refused.
    pub fn preflight(&self, operations: &[Operation]) -> anyhow::Result<()> {
        operations.iter().try_for_each(|operation| match operation {
            Operation::StartProxy { .. } if !self.proxy.is_alive()? => {
                self.proxy.preflight()?;
                self.site.install_proxy_config()
            }
            Operation::Start { colour, .. } => self.colours.preflight(*colour),
            Operation::Hook { .. } => self.colours.preflight_hook(),
            _ => Ok(()),
        })
    }

    /// The same, as the rollout's engine takes it.
    pub fn world(&self) -> World<'_> {
        let Scene { colours, router, ledger, clock, .. } = self;
        World { runtime: &**colours, router, ledger, metrics: &Prometheus, clock }
    }
}
