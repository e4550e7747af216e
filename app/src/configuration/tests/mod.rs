mod definition;
mod environment;
mod explanation;
mod layers;
mod leaks;
mod one_place;
mod problems;
mod properties;
mod schema;
mod secrecy;
mod secret_files;
mod template;

use std::fs;

use tempfile::TempDir;

use super::{DEFINITION, Definition, Environment, Problems, Reading, Settings, Sources, derived::Explanation};

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

    /// Puts a secret file into the folder of secrets, which is beside the configuration here.
    fn secret_file(mut self, name: &str, text: &str) -> Self {
        let folder = self.directory.path().join("secrets");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        self.sources.secrets = Some(folder);
        self.sources.without_secrets = false;
        self
    }

    fn read(&self, definition: &Definition) -> Reading {
        self.sources.read(definition)
    }

    fn explanation(&self) -> Explanation {
        Explanation::new(&DEFINITION, self.sources.environment, &self.read(&DEFINITION))
    }

    /// Text with the folder cut off.
    fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
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
        problems.iter().map(|problem| self.shown(&problem.to_string())).collect()
    }

    #[track_caller]
    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }
}
