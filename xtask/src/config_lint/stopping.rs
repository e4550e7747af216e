//! Whether the service is given the time that it may take to end.

use std::time::Duration;

use serde_json::Value;

use super::environments::once_for_all;
use super::finding::Finding;
use super::lines::Lines;
use super::service::Binary;
use crate::delivery::Environment;
use crate::docker;
use crate::rollout::colour::Colour;
use crate::rollout::policy::Span;
use crate::runtime::compose::stack::Stack;

/// What an engine gives a container where nothing is said.
const UNSAID: Duration = Duration::from_secs(10);

/// Where it would be killed before its time is over, by a deployer or by the engine.
pub(super) fn findings(binary: &Binary<'_>, lines: &Lines<'_>) -> Vec<Finding> {
    let service = &binary.project.delivery.service;
    let Some(args) = service.commands.config_explain.as_ref().filter(|_| !service.stop_settings.is_empty()) else {
        return Vec::new();
    };
    once_for_all(&binary.project.delivery.environments, |name, environment| {
        match takes(binary, args, (name, environment)) {
            Ok(takes) => too_short(binary, lines, (name, environment), takes),
            Err(why) => vec![lines.finding(&["service", "stop_settings"], why)],
        }
    })
}

/// What it may take, as it says itself.
fn takes(binary: &Binary<'_>, args: &[String], environment: (&str, &Environment)) -> Result<Duration, String> {
    let line = binary.line(args);
    let said = binary.print_in(args, environment).map_err(|why| format!("`{line}` {why}"))?;
    let said: Value = serde_json::from_str(&said).map_err(|error| format!("`{line}` prints no JSON: {error}"))?;
    let settings = &binary.project.delivery.service.stop_settings;
    let spans = settings.iter().map(|setting| {
        let value = said.get("settings").and_then(|settings| settings.get(setting)?.get("value")?.as_str());
        let span = value.and_then(|value| value.parse::<Span>().ok());
        span.map(|span| *span).ok_or_else(|| format!("`{line}` says of `{setting}` no span of time"))
    });
    spans.sum()
}

fn too_short(
    binary: &Binary<'_>,
    lines: &Lines<'_>,
    (name, environment): (&str, &Environment),
    takes: Duration,
) -> Vec<Finding> {
    let project = binary.project;
    let told = |what: &str, given: Duration| {
        let (given, takes) = (humantime::format_duration(given), humantime::format_duration(takes));
        let settings = project.delivery.service.stop_settings.join(" and ");
        format!("{what} is {given}, and {settings} let the service take {takes}: it would be killed before")
    };
    let mut findings = Vec::new();
    let drain = *environment.rollout.drain_timeout;
    if drain < takes {
        findings.push(lines.finding(&["environments", name, "rollout", "drain_timeout"], told("drain_timeout", drain)));
    }
    // What Compose cannot read is told of where that is looked at.
    let stack = Stack::of(&project.root, &project.delivery, name, environment).ok();
    let resolved = stack.filter(|_| docker::plugin("compose").is_some()).and_then(|stack| stack.resolve().ok());
    if let (Some(resolved), Some(compose)) = (resolved, &project.delivery.compose) {
        let graces = Colour::BOTH.map(|colour| (colour, resolved.stop_grace_of(colour).unwrap_or(UNSAID)));
        let short = graces.into_iter().filter(|(_, grace)| *grace < takes);
        findings.extend(short.map(|(colour, grace)| {
            Finding::of(&compose.file, told(&format!("stop_grace_period of app-{colour}"), grace))
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_lint::service::tests::Scripted;

    fn found(script: &str, drain: &str) -> Vec<String> {
        let tables = "[service.commands]\nconfig_explain = [\"explain\"]\n";
        let shop = Scripted::edited(script, tables, |text| {
            let rollout = "keep_warm = \"1h\"";
            let stop = "binary = \"shop\"\nstop_settings = [\"drain\", \"grace\"]";
            text.replace("binary = \"shop\"", stop).replace(rollout, &format!("{rollout}, {drain}"))
        });
        findings(&shop.binary(), &Lines::of(&shop.text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_environment_that_kills_the_service_before_its_time_is_found_at_its_line() {
        let script = r#"[ "$SHOP__PORT" = 8281 ] && drain=2s
echo "{\"settings\": {\"drain\": {\"value\": \"${drain:-1s}\"}, \"grace\": {\"value\": \"10s\"}}}""#;
        assert_eq!(found(script, "drain_timeout = \"12s\""), [""; 0]);
        let expected = "config/delivery.toml:35: in production: drain_timeout is 11s, and drain and grace let the service \
                        take 12s: it would be killed before";
        assert_eq!(found(script, "drain_timeout = \"11s\""), [expected]);
    }

    #[test]
    fn what_the_service_does_not_say_is_found() {
        let table = [
            ("exit 3", "in development, production: `shop explain` fails: exit status: 3"),
            ("echo no", "in development, production: `shop explain` prints no JSON: "),
            (
                r#"echo '{"settings": {"drain": {"value": "1s"}}}'"#,
                "in development, production: `shop explain` says of `grace` no span of time",
            ),
        ];
        for (script, expected) in table {
            let found = found(script, "drain_timeout = \"11s\"");
            let [found] = &found[..] else { panic!("{found:?}") };
            assert!(found.starts_with(&format!("config/delivery.toml:5: {expected}")), "{found}");
        }
    }
}
