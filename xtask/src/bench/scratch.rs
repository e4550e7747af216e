//! A project of the benchmark's own, beside which a person's environments go on as they are: a folder under `target/xtask`,
//! free ports, and in a Docker engine names and a network that nothing else has.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use toml::{Table, Value};

use crate::delivery::{Delivery, FILE, RuntimeChoice};
use crate::github::SUMMARY_FILE;
use crate::host::{Host as _, Local, Session};
use crate::image::{self, Place};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::releases::files_of;
use crate::site::Site;
use crate::{docker, program, say};

/// Below the range the system takes ports for outgoing connections from, a load's among them.
const PORTS: std::ops::Range<u16> = 30_000..32_700;
/// The networks that benchmarks take, one of 32 addresses for each process.
const NETWORKS: Ipv4Addr = Ipv4Addr::new(10, 214, 0, 0);
const FOLDER: &str = "target/xtask";
const PREFIX: &str = "bench-";
const LOCK: &str = "bench.lock";

/// The project, with an environment of the same name and the same service as the one it is made after.
pub(crate) struct Scratch {
    root: PathBuf,
    /// The environment.
    pub(crate) site: Site,
    /// What every release of it is: `--binary PATH` or `--image REF`.
    content: [String; 2],
    _lock: Session,
}

/// A command that has ended well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// How long it took, from before it was started until it had ended.
    pub(crate) took: Duration,
}

impl Scratch {
    /// Makes it, once what an earlier benchmark that was killed has left is ended.
    pub(crate) fn new(
        project: &Project,
        environment: &str,
        runtime: RuntimeChoice,
        binary: &Path,
    ) -> anyhow::Result<Scratch> {
        let parent = project.root.join(FOLDER);
        end_abandoned(&parent, environment);
        let name = format!("{PREFIX}{}", std::process::id());
        let root = parent.join(&name);
        let text = fs::read_to_string(project.root.join(FILE))?;
        let text = own_delivery(&text, environment, runtime, &name)?;
        let lock = Local::new(&root).try_lock(LOCK)?.context("another benchmark has this number")?;
        copy_files(project, &root)?;
        fs::write(root.join(FILE), text)?;
        let own = Project { delivery: Delivery::load(&root)?, root: root.clone() };
        let site = Site::of(own, environment)?;
        if let Some((_, host)) = site.elsewhere() {
            let message = format!(
                "the load of a benchmark comes from this machine, and its containers would run at {host}; measure where they run. \
                 Nothing was started."
            );
            let problem = Problem::new(ExitCode::Unavailable, message);
            return Err(problem.next("cargo xtask bench rollout --runtime process").into());
        }
        let mut scratch = Scratch { root, site, content: Default::default(), _lock: lock };
        scratch.content = match runtime {
            RuntimeChoice::Compose => ["--image".into(), scratch.make_image(binary)?],
            _ => ["--binary".into(), fs::canonicalize(binary)?.to_string_lossy().into_owned()],
        };
        Ok(scratch)
    }

    fn make_image(&self, binary: &Path) -> anyhow::Result<String> {
        let profile = self.site.environment().profile.clone();
        let (binary, tag) = (Some(binary.to_owned()), Some("bench".into()));
        let options = image::Options { profile, binary, tag, place: Place::Host, ..Default::default() };
        Ok(image::build(&self.site.project, &options)?.reference)
    }

    /// Has every later deploy watch its candidate for so long at each step.
    pub(super) fn set_bake(&self, bake: &str) -> anyhow::Result<()> {
        self.edit(|delivery| {
            let rollout = table(delivery, &["environments", &self.site.name, "rollout"])?;
            rollout.insert("bake".into(), bake.into());
            Ok(())
        })
    }

    /// Changes `delivery.toml` for every verb that is started later.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Table) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut delivery: Table = toml::from_str(&fs::read_to_string(self.root.join(FILE))?)?;
        change(&mut delivery)?;
        Ok(fs::write(self.root.join(FILE), toml::to_string(&delivery)?)?)
    }

    /// Starts a verb as a person does, in a process of its own.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Child> {
        let mut command = xtask(&self.root, &self.site.name, args)?;
        Ok(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
    }

    /// Starts a verb that brings a release under a name.
    pub(crate) fn start_release(&self, verb: &str, name: &str) -> anyhow::Result<Child> {
        let [how, what] = &self.content;
        self.start(&[verb, "--release", name, how, what])
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, args: &[&str]) -> anyhow::Result<Ended> {
        let began = Instant::now();
        finish(self.start(args)?, began)
    }

    /// Runs a verb that brings a release to its end.
    pub(crate) fn release(&self, verb: &str, name: &str) -> anyhow::Result<Ended> {
        let began = Instant::now();
        finish(self.start_release(verb, name)?, began)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        end(&self.root, &self.site.name);
    }
}

/// Waits for a verb to end.
///
/// # Errors
/// When it failed, with what it said.
pub(crate) fn finish(child: Child, began: Instant) -> anyhow::Result<Ended> {
    let output = child.wait_with_output()?;
    let took = began.elapsed();
    if !output.status.success() {
        bail!("a verb of the benchmark's own failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(Ended { took })
}

fn xtask(root: &Path, environment: &str, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(program::own()?);
    command.args(args).args(["--env", environment]).current_dir(root).stdin(Stdio::null());
    command.env_remove(SUMMARY_FILE);
    Ok(command)
}

/// Ends what runs there, and removes it.
fn end(root: &Path, environment: &str) {
    let down = xtask(root, environment, &["down", "--yes", "--wait", "30s"])
        .and_then(|mut down| Ok(down.stdout(Stdio::null()).stderr(Stdio::piped()).output()?));
    match down {
        Ok(output) if output.status.success() => {
            forget_image(root);
            // What stays is a few files in a folder that is nobody's.
            let _ = fs::remove_dir_all(root);
        }
        Ok(output) => say!("{} stays: {}", root.display(), String::from_utf8_lossy(&output.stderr).trim_end()),
        Err(error) => say!("{} stays: {error:#}", root.display()),
    }
}

fn forget_image(root: &Path) {
    let Ok(delivery) = Delivery::load(root) else { return };
    let reference = format!("{}:bench", delivery.image.repository);
    // Where none was made, there is none, and perhaps no engine.
    let _ = docker::image(&reference).is_ok_and(|image| image.is_some()) && docker::read(&["rmi", &reference]).is_ok();
}

/// Ends what benchmarks have left that were killed: their locks died with them.
fn end_abandoned(parent: &Path, environment: &str) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in folders.map(|entry| entry.path()).filter(|path| path.join(FILE).is_file()) {
        if let Ok(Some(_lock)) = Local::new(&folder).try_lock(LOCK) {
            say!("ending what an earlier benchmark has left in {}", folder.display());
            end(&folder, environment);
        }
    }
}

/// Copies what the project's `delivery.toml` names.
fn copy_files(project: &Project, root: &Path) -> anyhow::Result<()> {
    let delivery = &project.delivery;
    let named = [&delivery.proxy.config, &delivery.proxy.dockerfile, &delivery.image.dockerfile];
    let named = named.into_iter().chain(delivery.compose.as_ref().map(|compose| &compose.file));
    let named = named.map(|path| (path.clone(), project.root.join(path)));
    fs::create_dir_all(root.join("config"))?;
    for (path, source) in named.chain(files_of(&project.root, &delivery.service)?) {
        let target = root.join(path);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
    }
    Ok(())
}

/// The project's `delivery.toml` with one environment, whose addresses and names are the benchmark's own.
fn own_delivery(text: &str, environment: &str, runtime: RuntimeChoice, name: &str) -> anyhow::Result<String> {
    let mut delivery: Table = toml::from_str(text)?;
    if let Some(compose) = delivery.get_mut("compose").and_then(Value::as_table_mut) {
        compose.insert("project".into(), format!("switchyard-{name}").into());
    }
    table(&mut delivery, &["image"])?.insert("repository".into(), format!("switchyard-{name}/service").into());
    table(&mut delivery, &["environments"])?.retain(|known, _| known == environment);
    // Nobody is to be told of what a benchmark does.
    delivery.remove("notifications");
    let own = table(&mut delivery, &["environments", environment])?;
    let [listen, blue, green] = free_addresses()?.map(|address| Value::from(address.to_string()));
    own.insert("listen".into(), listen);
    own.insert("colours".into(), Table::from_iter([("blue".to_owned(), blue), ("green".to_owned(), green)]).into());
    own.insert("runtime".into(), Value::try_from(runtime)?);
    // On an engine of this machine, which is measured.
    ["mirrors", "docker_host", "url"].into_iter().for_each(|key| drop(own.remove(key)));
    // The load of a benchmark speaks plain HTTP, from one address, and nobody looks at the proxy besides.
    ["listen_tls", "tls", "proxy_metrics", "limits"].iter().for_each(|key| drop(own.remove(*key)));
    if let Some(containers) = own.get_mut("containers").and_then(Value::as_table_mut) {
        let number = std::process::id() % (1 << 11);
        let subnet = Ipv4Addr::from_bits(NETWORKS.to_bits() + number * 32);
        containers.insert("subnet".into(), format!("{subnet}/27").into());
    }
    let rollout = table(own, &["rollout"])?;
    // What the service has to say about its own patience stays; hooks, and what windows are held against, are no cost of
    // the tool.
    rollout.retain(|key, _| ["startup_timeout", "drain_timeout", "success_threshold"].contains(&key));
    let weight = |weight: i64| Value::from(Table::from_iter([("set_weight".to_owned(), weight.into())]));
    rollout.insert("steps".into(), [10, 50, 100].map(weight).to_vec().into());
    rollout.insert("bake".into(), "0s".into());
    rollout.insert("keep_warm".into(), "10m".into());
    Ok(toml::to_string(&delivery)?)
}

/// A table within another, by its path.
///
/// # Errors
/// When it is not there.
pub(crate) fn table<'a>(mut table: &'a mut Table, path: &[&str]) -> anyhow::Result<&'a mut Table> {
    for key in path {
        let inner = table.get_mut(*key).and_then(Value::as_table_mut);
        table = inner.with_context(|| format!("{FILE} has no table {}", path.join(".")))?;
    }
    Ok(table)
}

/// Addresses of this machine at which nobody listens.
pub(crate) fn free_addresses<const COUNT: usize>() -> anyhow::Result<[SocketAddr; COUNT]> {
    // Two benchmarks at once begin to look at different places.
    let first = usize::try_from(std::process::id())? % PORTS.len();
    let ports = PORTS.cycle().skip(first).take(PORTS.len());
    let free = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let found: Vec<_> = free.filter(|address| TcpListener::bind(address).is_ok()).take(COUNT).collect();
    found.try_into().ok().context("no port is free")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    #[test]
    fn what_is_the_benchmarks_own_is_right_and_takes_nothing_of_the_projects() {
        let text = own_delivery(DELIVERY, "development", RuntimeChoice::Process, "bench-1").unwrap();
        let delivery = Delivery::parse(&text).unwrap();
        let [name] = delivery.environments.keys().collect::<Vec<_>>()[..] else { panic!("more than one") };
        assert_eq!(name, "development");
        let environment = &delivery.environments[name];
        assert_ne!(environment.listen.get_ref().port(), 8080);
        assert!(environment.rollout.bake.is_zero());
        assert_eq!(delivery.service, Delivery::parse(DELIVERY).unwrap().service);
    }

    #[test]
    fn the_addresses_differ() {
        let [one, two, three] = free_addresses().unwrap();
        assert!(one != two && two != three && one != three);
    }
}
