//! What is only seen while the image runs as a colour does.

use super::row::{Row, Verdict};
use super::{limits, start};
use crate::delivery::Environment;
use crate::problem::reason;
use crate::project::Project;
use crate::runtime::compose::stack::Stack;
use crate::runtime::compose::trial::Trial;
use crate::secrets;

/// As which environment the service is started: the one it is released to, or one whose secrets are at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guise<'a> {
    pub(super) name: &'a str,
    /// Why it is not the one it is released to.
    why: Option<String>,
}

impl<'a> Guise<'a> {
    fn find(project: &'a Project, released: &'a str) -> Guise<'a> {
        let missing = |name: &str| {
            let environment = project.delivery.environments.get(name)?;
            secrets::require(&secrets::of(&project.root, name, environment)).err()
        };
        let Some(why) = missing(released) else { return Guise { name: released, why: None } };
        let open = project.delivery.environments.iter().filter(|(_, environment)| !environment.protected);
        let other = open.map(|(name, _)| name.as_str()).find(|name| missing(name).is_none());
        // Where there is none, it says itself what it does not start without.
        Guise { name: other.unwrap_or(released), why: Some(reason(&why)) }
    }

    #[cfg(test)]
    pub(super) fn of(name: &'a str) -> Guise<'a> {
        Guise { name, why: None }
    }

    /// For the end of what was found: `as production`.
    pub(super) fn told(&self) -> String {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(", since {why}"));
        format!("as {}{why}", self.name)
    }

    /// The environment in which something may go wrong on purpose; none where each refuses that or needs other secrets.
    pub(super) fn rehearsing(&self, project: &'a Project) -> Option<&'a str> {
        let environments = &project.delivery.environments;
        let open = environments.iter().filter(|(_, environment)| !environment.protected);
        let fits = |environment: &Environment, name: &str| name == self.name || environment.secrets.is_empty();
        open.filter(|(name, environment)| fits(environment, name)).map(|(name, _)| name.as_str()).next()
    }
}

/// A row for each thing that is looked at.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 130 after Ctrl-C and its like.
pub(super) fn rows(project: &Project, name: &str, environment: &Environment, image: &str) -> anyhow::Result<Vec<Row>> {
    // One that does not run in containers has no such file.
    let Ok(stack) = Stack::of(&project.root, &project.delivery, name, environment) else { return Ok(Vec::new()) };
    let mut rows = vec![limits::configured(&stack)];
    if project.delivery.image.max_start.is_none() {
        return Ok(rows);
    }
    let guise = Guise::find(project, name);
    let placed = project.delivery.environments.get_key_value(guise.name);
    let placed = placed.map(|(name, environment)| secrets::of(&project.root, name, environment)).unwrap_or_default();
    match Trial::begin(project, (name, environment), &placed, image) {
        Ok(trial) => {
            let started = start::rows(&trial, &guise, &project.delivery.image);
            let in_time = started.first().is_some_and(|row| row.verdict == Verdict::Passed);
            rows.extend(started);
            // One that does not come up has nothing more to show.
            rows.extend(in_time.then(|| limits::rows(&trial, &guise, project)).into_iter().flatten());
            trial.require_wanted()?;
        }
        Err(error) => {
            let remedy = "cargo xtask doctor says what containers lack here";
            rows.push(Row::new("start", Verdict::Skipped, reason(&error), remedy));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    fn project(dir: &TempDir, secret: &str) -> Project {
        let secrets = format!("protected = true\nsecrets = {{ token = {{ file = \"{secret}\" }} }}");
        let delivery = Delivery::parse(&DELIVERY.replace("protected = true", &secrets)).unwrap();
        Project { root: dir.path().to_owned(), delivery }
    }

    #[test]
    fn it_starts_as_what_it_is_released_to_or_says_why_not() {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("there"), "value").unwrap();
        let whole = project(&dir, "there");
        assert_eq!(Guise::find(&whole, "production").told(), "as production");
        let lacking = project(&dir, "missing");
        let told = Guise::find(&lacking, "production").told();
        assert!(told.starts_with("as development, since environments.production.secrets.token"), "{told}");
    }

    #[test]
    fn what_goes_wrong_on_purpose_does_so_in_no_protected_environment() {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("there"), "value").unwrap();
        let mut project = project(&dir, "there");
        assert_eq!(Guise::find(&project, "production").rehearsing(&project), Some("development"));
        project.delivery.environments.remove("development");
        assert_eq!(Guise::find(&project, "production").rehearsing(&project), None);
    }
}
