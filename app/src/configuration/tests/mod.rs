mod definition;
mod environment;
mod layers;
mod leaks;
mod problems;
mod secret_files;

use std::fs;

use tempfile::TempDir;

use super::{Environment, Problems, Settings, Sources};

/// A configuration to try: files in a folder of its own, variables and flags.
struct Trial {
    directory: TempDir,
    sources: Sources,
}

impl Trial {
    fn new(environment: Environment) -> Self {
        let directory = TempDir::new().unwrap();
        let sources = Sources { without_secrets: true, ..Sources::files(environment, directory.path().to_owned()) };
        let trial = Self { directory, sources };
        let own = format!("{environment}.toml");
        trial.file("base.toml", "").file(&own, "")
    }

    fn development() -> Self {
        Self::new(Environment::Development)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, text: &str) -> Self {
        self.sources.variables.push((name.into(), text.into()));
        self
    }

    fn flag(mut self, flag: &str) -> Self {
        self.sources.flags.push(flag.into());
        self
    }

    fn load(&self) -> Result<Settings, Problems> {
        self.sources.load()
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Every problem as a person sees it, with the folder cut off.
    #[track_caller]
    fn problems(&self) -> Vec<String> {
        let Problems(problems) = self.load().expect_err("there should be problems");
        let folder = format!("{}/", self.directory.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }

    #[track_caller]
    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }
}
