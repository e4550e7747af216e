//! The configuration of the service, all layers together: what the fuzzer and the test of its corpus hold against it.
//!
//! A text of the corpus is a row of parts, each with a heading such as `== variable APP__SERVER__PORT`; [`Case::take`] has
//! them all. What is "planted" names a place, and [`PLANTED`] is put there as if it were the token of the metrics.

use std::fs;
use std::path::Path;

use app::configuration::{DEFINITION, Environment, Secret, Setting, Sources, derived::Explanation};
use tempfile::TempDir;

/// The secret that nothing may show, strong enough for production.
const PLANTED: &str = "sesame-opens-the-hidden-cave-of-forty-thieves";

/// An excerpt may cut it: a piece of so many characters is a leak as well.
const TELLING: usize = 9;

/// Stands for [`PLANTED`] in a TOML file.
const PLACE: char = '@';

/// Reads the configuration that `text` describes. Whatever it is, nothing panics, no output shows a secret or reaches the
/// terminal as anything but text, and what is refused is explained.
pub fn configuration(text: &str) {
    if tells(text) {
        return;
    }
    let case = Case::new(text);
    let reading = case.sources.read(&DEFINITION);
    let mut told: Vec<_> = reading.problems().iter().map(ToString::to_string).collect();
    let mut debugged = vec![format!("{:?} {reading:?}", case.sources)];
    for given in DEFINITION.paths().flat_map(|path| reading.given(path)) {
        told.push(format!("{} {}", given.value.as_ref().map(ToString::to_string).unwrap_or_default(), given.origin));
    }
    let explanation = Explanation::new(&DEFINITION, case.sources.environment, &reading);
    told.extend([explanation.text(true), explanation.json()]);
    if reading.problems().is_empty() {
        let settings = case.sources.load().expect("what has no problem is a configuration");
        assert!(!case.misplaced, "a secret is taken from where it does not belong");
        let token = settings.metrics.token.as_ref();
        assert!(settings.environment == Environment::Development || case.sources.without_secrets || token.is_some());
        assert!(token.is_none_or(|token| *token != Secret::new("")));
        debugged.push(format!("{settings:?}"));
    } else {
        let problems = reading.values().expect_err("what has a problem is none");
        debugged.push(format!("{problems:?}"));
        told.push(problems.to_string());
    }
    for output in told.iter().chain(&debugged) {
        assert!(!tells(output), "the secret is shown: {output}");
    }
    for output in told {
        assert!(
            !output.contains(|c: char| c.is_control() && !"\n\t".contains(c)),
            "a terminal would obey this: {output:?}"
        );
    }
}

/// Whether `output` shows so much of the secret that the rest is worth guessing.
fn tells(output: &str) -> bool {
    PLANTED.as_bytes().chunks(TELLING).any(|piece| output.contains(str::from_utf8(piece).expect("it is ASCII")))
}

/// A configuration in files of its own, which go when it does.
struct Case {
    folder: TempDir,
    sources: Sources,
    base: String,
    own: String,
    /// Whether a secret stands where none may.
    misplaced: bool,
}

impl Case {
    fn new(text: &str) -> Self {
        // In memory where the system has such a folder: thousands of cases a second.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the files");
        let mut sources = Sources::files(Environment::Development, folder.path().to_owned());
        sources.secrets = Some(folder.path().join("secrets"));
        let mut case = Self { folder, sources, base: String::new(), own: String::new(), misplaced: false };
        case.write("secrets", None);
        for part in format!("\n{text}").split("\n== ").skip(1) {
            let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
            case.take(heading, body);
        }
        let files = [("base.toml".to_owned(), &case.base), (format!("{}.toml", case.sources.environment), &case.own)];
        files.iter().for_each(|(name, text)| case.write(name, Some(text)));
        case
    }

    fn take(&mut self, heading: &str, body: &str) {
        match heading.split_once(' ').unwrap_or((heading, "")) {
            ("environment", word) => {
                self.sources.environment = Environment::from_word(word).unwrap_or(Environment::Staging);
            }
            ("without", "secrets") => self.sources.without_secrets = true,
            ("base.toml", _) => self.base += body,
            ("environment.toml", _) => self.own += body,
            ("variable", name) => self.sources.variables.push((name.into(), body.into())),
            ("named", variable) => self.name_file(variable, body),
            ("folder", name) => self.place_file(name, body),
            ("flags", _) => self.sources.flags.extend(body.lines().map(str::to_owned)),
            ("planted", "in base.toml") => self.base = self.plant(body) + &self.base,
            ("planted", "in environment.toml") => self.own = self.plant(body) + &self.own,
            ("planted", place) => body.lines().for_each(|name| self.plant_at(place, name)),
            _ => {}
        }
    }

    fn plant_at(&mut self, place: &str, name: &str) {
        let is_public = |name_of: fn(&Setting) -> String| public().any(|setting| name_of(setting) == name);
        match place {
            "in a variable" if !is_public(Setting::variable) => {
                self.sources.variables.push((name.into(), PLANTED.into()));
            }
            "in a named file" => self.name_file(name, PLANTED),
            "in the folder" => self.place_file(name, PLANTED),
            "in a flag" if !is_public(|setting| setting.path.to_owned()) && !name.contains('=') => {
                self.misplaced = true;
                self.sources.flags.push(if name.is_empty() { PLANTED.into() } else { format!("{name}={PLANTED}") });
            }
            _ => {}
        }
    }

    /// TOML with the secret in it, as the value of something that nobody may see.
    fn plant(&mut self, text: &str) -> String {
        let before = text.rsplit_once(PLACE).map_or("", |(before, _)| before);
        let mut keys = public().filter_map(|setting| setting.path.rsplit('.').next());
        // An escape can spell any key.
        let is_public = before.contains('\\') || keys.any(|key| before.contains(key));
        let is_value = text.match_indices(PLACE).all(|(at, _)| is_value(&text[..at], &text[at..]));
        if is_public || !is_value { String::new() } else { text.replace(PLACE, PLANTED) + "\n" }
    }

    fn name_file(&mut self, variable: &str, text: &str) {
        let name = format!("named-{}", self.sources.variables.len());
        self.write(&name, Some(text));
        let path = self.folder.path().join(name).to_string_lossy().into_owned();
        self.sources.variables.push((variable.into(), path));
    }

    fn place_file(&self, name: &str, text: &str) {
        let is_a_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']) && name.len() < 200;
        if is_a_name {
            self.write(&format!("secrets/{name}"), Some(text));
        }
    }

    /// Writes a file, or makes a folder where there is no text.
    fn write(&self, name: &str, text: Option<&str>) {
        let path: &Path = &self.folder.path().join(name);
        let written = text.map_or_else(|| fs::create_dir(path), |text| fs::write(path, text));
        written.expect("the folder can be written to");
    }
}

/// Whether what stands between these in TOML is part of a value, or of nothing, and of no key or header, which are shown.
fn is_value(before: &str, after: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
    let rest = after.split([',', '}', '\n']).next().unwrap_or_default();
    (!line.starts_with('[') || line.contains('=')) && !rest.contains('=')
}

/// The settings that everybody may see.
fn public() -> impl Iterator<Item = &'static Setting> {
    DEFINITION.settings.iter().filter(|setting| !setting.is_secret())
}
