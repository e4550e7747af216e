//! A3.3: the service is started with one wrong setting after another, in every environment, and has to end before it listens.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use super::measured::Measured;
use super::verdict::{Short, Shown, none_of, require};
use crate::bench::scratch::free_addresses;
use crate::config_lint::service::Binary;

/// What is no number, no boolean and no word of any choice.
const WRONG: &str = "no such value";
/// How long a service may take to end that should not begin.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// No wrong setting lets it begin.
pub(super) fn refused(measured: &Measured<'_>) -> Shown {
    // What is refused without a wrong setting says nothing of one.
    none_of(measured.findings()?.iter().map(ToString::to_string).collect())?;
    let schema: Value = serde_json::from_str(measured.schema()?).map_err(anyhow::Error::from)?;
    let variables = refutable(&schema);
    require(!variables.is_empty(), || "the schema has no number, no boolean and no choice that could be wrong".into())?;
    let (mut starts, mut wrong, mut codes) = (0, Vec::new(), Vec::new());
    for name in measured.project.delivery.environments.keys() {
        for variable in &variables {
            let ended = start(measured.binary()?, name, variable)?;
            starts += 1;
            match ended.fault(variable) {
                Some(fault) => wrong.push(format!("with a wrong {variable} in {name}, {fault}")),
                None => codes.push(ended.code),
            }
        }
    }
    none_of(wrong)?;
    codes.sort_unstable();
    codes.dedup();
    let codes: Vec<_> = codes.into_iter().flatten().map(|code| code.to_string()).collect();
    Ok(vec![format!(
        "{starts} starts with {} settings wrong in turn ended with {} before it listened, each naming the variable",
        variables.len(),
        codes.join(" and ")
    )])
}

/// The variables of all settings that not every text is a value of; of a secret no wrong value is known.
fn refutable(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for node in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values) {
        found.extend(refutable(node));
        let is_of = |kind: &str| node.get("type").and_then(Value::as_str) == Some(kind);
        let is_refutable = ["integer", "number", "boolean"].into_iter().any(is_of) || node.get("enum").is_some();
        let is_secret = node.get("x-secret").and_then(Value::as_bool).unwrap_or(false);
        let variable = node.get("x-variable").and_then(Value::as_str);
        found.extend(variable.filter(|_| is_refutable && !is_secret).map(str::to_owned));
    }
    found
}

/// How a start has ended.
#[derive(Debug)]
struct Ended {
    /// None of one that had to be killed.
    code: Option<i32>,
    has_listened: bool,
    said: String,
}

impl Ended {
    fn fault(&self, variable: &str) -> Option<String> {
        match self.code {
            _ if self.has_listened => Some("it listened".into()),
            None => Some("it did not end".into()),
            Some(0) => Some("it ended as if all were well".into()),
            Some(code) => (!self.said.contains(variable))
                .then(|| format!("it ended with {code} and did not say that this is wrong")),
        }
    }
}

/// Starts the service as it is started to serve, with one variable wrong.
fn start(binary: &Binary<'_>, environment: &str, variable: &str) -> Result<Ended, Short> {
    let [address] = free_addresses()?;
    let service = &binary.project.delivery.service;
    let (args, mut env) = binary.asked_at(&service.args, environment, address);
    env.insert(variable.to_owned(), WRONG.into());
    let mut command = Command::new(&binary.path);
    command.args(args).env_clear().envs(env).current_dir(&binary.project.root);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("starting {}", binary.path.display()))?;
    Ok(watch(child, address)?)
}

fn watch(mut child: Child, address: SocketAddr) -> anyhow::Result<Ended> {
    let deadline = Instant::now() + PATIENCE;
    let mut has_listened = false;
    while child.try_wait()?.is_none() && !has_listened && Instant::now() < deadline {
        has_listened = TcpStream::connect_timeout(&address, POLL).is_ok();
        std::thread::sleep(POLL);
    }
    let ended = child.try_wait()?;
    // One that has ended by itself needs no more.
    let _ = child.kill();
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Ok(Ended { code: ended.and_then(|status| status.code()), has_listened, said })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_what_a_text_can_be_wrong_for_is_set_wrong() {
        let schema = r#"{ "properties": {
            "port": { "type": "integer", "x-variable": "PORT" },
            "name": { "type": "string", "x-variable": "NAME" },
            "log": { "properties": { "level": { "enum": ["a"], "x-variable": "LEVEL" } } },
            "pin": { "type": "integer", "x-secret": true, "x-variable": "PIN" } } }"#;
        assert_eq!(refutable(&serde_json::from_str(schema).unwrap()), ["LEVEL", "PORT"]);
    }

    #[test]
    fn how_a_start_ends_is_seen() {
        let run = |script: &str, address: SocketAddr| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
            watch(command.spawn().unwrap(), address).unwrap()
        };
        let [free] = free_addresses().unwrap();
        assert_eq!(run("echo PORT is wrong; exit 78", free).fault("PORT"), None);
        let fault = |script: &str, address| run(script, address).fault("PORT").unwrap();
        assert_eq!(fault("echo PORT", free), "it ended as if all were well");
        assert_eq!(fault("exit 3", free), "it ended with 3 and did not say that this is wrong");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(fault("exec sleep 30", listener.local_addr().unwrap()), "it listened");
    }
}
