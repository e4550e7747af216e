//! The command line: which verbs there are.

use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    abort, advisories, bench, certificate, ci, completions, config_lint, coverage, deploy_blue_green, docker_build,
    doctor, down, health_check, history, image_check, logs, monitoring, notify, pause, promote, reap, recover, release,
    resume, rollback, runtime, setup, status, steer, tag, up, verify, workflows,
};

const AFTER: &str = "\
Exit codes:
    0  done
    1  tried and did not succeed; what served before still serves
    2  the command line does not fit
   69  something is missing on this machine
   75  another deployer is at work, try again
   78  a configuration is wrong
  130  ended by Ctrl-C, after everything was put back
       (a second Ctrl-C ends at once; then `recover` puts it back)";

/// The verbs as a person looks for them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Serve", &["up", "down", "status", "history", "logs", "health-check", "certificate", "monitoring"]),
    (
        "Roll out",
        &["deploy-blue-green", "promote", "abort", "pause", "resume", "rollback", "recover", "reap", "notify"],
    ),
    ("Check", &["ci", "config-lint", "coverage", "advisories", "image-check", "workflows", "bench", "verify"]),
    ("Make", &["docker-build", "release", "tag"]),
    ("This machine", &["setup", "doctor", "completions"]),
];

/// Takes a Rust service from `git push` to a healthy release.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What was typed. What does not fit ends the program here, with exit code 2 and what would.
pub fn parse() -> Cli {
    let typed = command().get_matches();
    Cli::from_arg_matches(&typed).unwrap_or_else(|error| error.exit())
}

/// The command line with its help, which lists the verbs in their groups.
pub fn command() -> Command {
    let command = Cli::command();
    let width = GROUPS.iter().flat_map(|(_, verbs)| *verbs).map(|verb| verb.len()).max().unwrap_or_default();
    let about = |verb: &str| command.find_subcommand(verb).and_then(Command::get_about).map(ToString::to_string);
    let line = |verb: &&str| format!("  {verb:<width$}  {}\n", about(verb).unwrap_or_default());
    let groups = GROUPS.iter().map(|(name, verbs)| format!("{name}:\n{}", verbs.iter().map(line).collect::<String>()));
    let groups = groups.collect::<Vec<_>>().join("\n");
    let template = format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}\nOptions:\n{{options}}{{after-help}}");
    command.help_template(template)
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Builds the service and serves it behind the proxy; run again after a change, it rolls the change out.
    Up(up::Args),
    /// Ends an environment and leaves nothing of it behind.
    Down(down::Args),
    /// Shows who serves what.
    Status(status::Args),
    /// Rolls a release out beside the one that serves, step by step; takes it back when it fails.
    DeployBlueGreen(deploy_blue_green::Args),
    /// Gives the candidate of a rollout everything, without the steps that are left.
    Promote(steer::Args),
    /// Takes a rollout back: everything to the active colour.
    Abort(steer::Args),
    /// Holds a rollout at the share its candidate has.
    Pause(steer::Args),
    /// Lets a rollout that pauses go on.
    Resume(steer::Args),
    /// Goes back to an earlier release: at once while it is warm, else through the same health gates.
    Rollback(rollback::Args),
    /// Puts right what a deployer that died, a colour that is down or a restart has left half-way.
    Recover(recover::Args),
    /// Stops a warm colour whose time has passed; for cron.
    Reap(reap::Args),
    /// Tells those who are to know, by hand; a rollout tells of itself.
    Notify(notify::Args),
    /// Shows which release served when, and who changed it.
    History(history::Args),
    /// Shows what a colour or the proxy has written.
    Logs(logs::Args),
    /// Asks a service whether it is ready.
    HealthCheck(health_check::Args),
    /// Has the proxy take over a renewed certificate while it runs.
    Certificate(certificate::Args),
    /// Starts what watches an environment: Prometheus and Grafana.
    Monitoring(monitoring::Args),
    /// Checks everything that is configured, for every environment.
    ConfigLint(config_lint::Args),
    /// Holds every dependency against what is known of its vulnerabilities.
    Advisories(advisories::Args),
    /// Runs every check and every test.
    Ci(ci::Args),
    /// Measures how much of each crate's code the tests run, and holds it against its floor.
    Coverage(coverage::Args),
    /// Measures what a rollout, the service, an image after a change, and the pipeline itself take.
    Bench(bench::Args),
    /// Measures the criteria that the project is to meet, one by one.
    Verify(verify::Args),
    /// Makes the service's image, and pushes it where that is asked for.
    DockerBuild(docker_build::Args),
    /// Raises the version, writes the changelog, commits and tags; says what it would do unless it is told to.
    Release(release::Args),
    /// Names the release of this commit, for a pipeline: by its tag, which is made where there is none.
    Tag(tag::Args),
    /// Holds the service's image against its budget, and against the image that one would write first.
    ImageCheck(image_check::Args),
    /// Holds what GitHub runs against the verbs and flags there are, or rehearses it.
    Workflows(workflows::Args),
    /// Installs the tools that are pinned, and makes the images that an environment in containers needs besides the service's.
    Setup(setup::Args),
    /// Says whether this machine has what it takes.
    Doctor(doctor::Args),
    /// Prints a script that lets a shell complete `cargo xtask`.
    Completions(completions::Args),
    /// Runs the shim over one process.
    #[command(hide = true)]
    Shim {
        /// The shim's folder.
        #[arg(long)]
        folder: std::path::PathBuf,
    },
    /// Becomes a program whose life is bound to the shim's.
    #[command(hide = true)]
    ShimExec {
        /// The shim's process id.
        #[arg(long)]
        parent: u32,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// Those of the verb.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            Verb::Up(args) => up::run(args),
            Verb::Down(args) => down::run(args),
            Verb::Status(args) => status::run(args),
            Verb::DeployBlueGreen(args) => deploy_blue_green::run(args),
            Verb::Promote(args) => promote::run(args),
            Verb::Abort(args) => abort::run(args),
            Verb::Pause(args) => pause::run(args),
            Verb::Resume(args) => resume::run(args),
            Verb::Reap(args) => reap::run(args),
            Verb::Rollback(args) => rollback::run(args),
            Verb::Recover(args) => recover::run(args),
            Verb::Notify(args) => notify::run(args),
            Verb::History(args) => history::run(args),
            Verb::Logs(args) => logs::run(args),
            Verb::HealthCheck(args) => health_check::run(args),
            Verb::Certificate(args) => certificate::run(args),
            Verb::Monitoring(args) => monitoring::run(args),
            Verb::ConfigLint(args) => config_lint::run(args),
            Verb::Advisories(args) => advisories::run(args),
            Verb::Ci(args) => ci::run(args),
            Verb::Coverage(args) => coverage::run(args),
            Verb::Bench(args) => bench::run(args),
            Verb::Verify(args) => verify::run(args),
            Verb::DockerBuild(args) => docker_build::run(args),
            Verb::Release(args) => release::run(args),
            Verb::Tag(args) => tag::run(args),
            Verb::ImageCheck(args) => image_check::run(args),
            Verb::Workflows(args) => workflows::run(args),
            Verb::Setup(args) => setup::run(args),
            Verb::Doctor(args) => doctor::run(args),
            Verb::Completions(args) => completions::run(args),
            Verb::Shim { folder } => runtime::shim::serve(folder),
            Verb::ShimExec { parent, command } => runtime::shim::exec(*parent, command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group() {
        let command = Cli::command();
        let mut shown: Vec<_> =
            command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name).collect();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
