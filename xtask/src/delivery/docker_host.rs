//! The Docker engine that an environment runs on, where it has one of its own.

use serde::{Deserialize, Serialize};

use super::FILE;
use crate::problem::{ExitCode, Problem};

/// What the engine of an environment is called by, as `DOCKER_HOST` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a Docker engine is named by a text such as \"ssh://deploy@shop.example\", or by { env = \"VARIABLE\" }"
)]
pub enum DockerHost {
    /// By this.
    Text(String),
    /// By what a variable of the deployer's says.
    Variable {
        /// Its name.
        env: String,
    },
}

const SCHEMES: [&str; 3] = ["ssh://", "tcp://", "unix://"];

impl DockerHost {
    /// What is wrong in it, whatever the variable may say.
    pub(super) fn mistake(&self) -> Option<String> {
        match self {
            DockerHost::Text(text) => is_no_host(text),
            DockerHost::Variable { .. } => None,
        }
    }

    /// What `docker` is told.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when the variable is not set, or says something else than an engine.
    pub fn value(&self, environment: &str) -> Result<String, Problem> {
        let variable = match self {
            DockerHost::Text(text) => return Ok(text.clone()),
            DockerHost::Variable { env } => env,
        };
        let value = std::env::var(variable).unwrap_or_default();
        let wrong = match value.trim() {
            "" => Some("is not set".to_owned()),
            value => is_no_host(value),
        };
        let Some(wrong) = wrong else { return Ok(value.trim().to_owned()) };
        let message = format!(
            "environments.{environment}.docker_host in {FILE}: the variable {variable} {wrong}. It says on which Docker \
             engine {environment} runs, and no other is taken in its place; nothing was started or changed."
        );
        let next = format!("export {variable}=ssh://USER@HOST");
        Err(Problem::new(ExitCode::Configuration, message).next(next))
    }
}

fn is_no_host(text: &str) -> Option<String> {
    let known = SCHEMES.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    (!known || text.contains(char::is_whitespace))
        .then(|| format!("is `{text}`, and an engine is named by ssh://USER@HOST, tcp://HOST:PORT or unix://PATH"))
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn parse(more: &str) -> Result<Delivery, Vec<String>> {
        let text = DELIVERY.replace("protected = true", &format!("protected = true\n{more}"));
        Delivery::parse(&text.replace("runtime = \"process\"", "runtime = \"compose\""))
    }

    #[test]
    fn an_engine_is_a_text_or_a_variable_and_nothing_else() {
        let host = |more: &str| parse(more).unwrap().environments["production"].docker_host.clone().unwrap();
        let text = host("docker_host = \"ssh://deploy@shop.example:2222\"");
        assert_eq!(text.get_ref().value("production").unwrap(), "ssh://deploy@shop.example:2222");
        let unset = host("docker_host = { env = \"SWITCHYARD_TEST_IS_NOT_SET\" }");
        let told = unset.get_ref().value("production").unwrap_err().to_string();
        assert!(
            told.contains("environments.production.docker_host") && told.contains("IS_NOT_SET is not set"),
            "{told}"
        );
        for (more, expected) in [
            ("docker_host = \"shop.example\"", "production.docker_host: is `shop.example`, and an engine is"),
            ("docker_host = \"ssh://\"", "an engine is named by"),
            ("docker_host = \"ssh://a b\"", "an engine is named by"),
            ("docker_host = { file = \"x\" }", "a Docker engine is named by a text such as"),
            ("docker_host = 1", "a Docker engine is named by a text such as"),
        ] {
            let mistakes = parse(more).unwrap_err().join("\n");
            assert!(mistakes.contains(expected), "{more}: {mistakes}");
        }
    }
}
