//! What `delivery.toml` refers to.

use super::finding::Finding;
use super::lines::Lines;
use crate::project::Project;
use crate::{placeholder, service};

/// What it refers to and does not exist.
pub(super) fn findings(project: &Project, lines: &Lines<'_>) -> Vec<Finding> {
    let mut findings = placeholders(project, lines);
    findings.extend(files(project, lines));
    let template = project.delivery.service.setting_variable.as_ref().filter(|template| !template.contains("{KEY}"));
    findings.extend(template.map(|template| {
        let message = format!("service.setting_variable is `{template}`, without a {{KEY}} in it");
        lines.finding(&["service", "setting_variable"], message)
    }));
    findings
}

fn placeholders(project: &Project, lines: &Lines<'_>) -> Vec<Finding> {
    let service = &project.delivery.service;
    let mut findings = Vec::new();
    let mut look = |template: &str, path: &[&str]| {
        let mistakes = placeholder::mistakes(template, &service::PLACEHOLDERS);
        findings.extend(mistakes.into_iter().map(|mistake| lines.finding(path, mistake)));
    };
    let commands = [("config_check", &service.commands.config_check), ("config_lint", &service.commands.config_lint)];
    service.args.iter().for_each(|template| look(template, &["service", "args"]));
    service.env.iter().for_each(|(name, template)| look(template, &["service", "env", name]));
    for (key, args) in commands {
        args.iter().flatten().for_each(|template| look(template, &["service", "commands", key]));
    }
    for (name, environment) in &project.delivery.environments {
        let hooks = environment.rollout.hooks.arguments();
        hooks.for_each(|template| look(template, &["environments", name, "rollout", "hooks"]));
    }
    findings
}

fn files(project: &Project, lines: &Lines<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |file: &str, path: &[&str]| {
        if !project.root.join(file).exists() {
            findings.push(lines.finding(path, format!("`{file}` does not exist")));
        }
    };
    for (place, file) in project.delivery.service.files.iter().enumerate() {
        look(file, &["service", "files", &place.to_string()]);
    }
    look(&project.delivery.proxy.config, &["proxy", "config"]);
    if let Some(monitoring) = &project.delivery.monitoring {
        look(&monitoring.prometheus, &["monitoring", "prometheus"]);
        look(&monitoring.grafana, &["monitoring", "grafana"]);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    #[test]
    fn everything_that_is_referred_to_and_missing_is_found_at_once_where_it_stands() {
        let hook = "keep_warm = \"1h\", hooks = { on_abort = { command = [\"{wat}\"] } }";
        let text = DELIVERY
            .replace("keep_warm = \"1h\"", hook)
            .replace("{port}", "{prot}")
            .replace("SHOP__{KEY}", "SHOP__KEY");
        let dir = TempDir::new();
        let project = Project { root: dir.path().to_owned(), delivery: Delivery::parse(&text).unwrap() };
        let findings: Vec<_> = findings(&project, &Lines::of(&text)).iter().map(ToString::to_string).collect();
        for expected in [
            "config/delivery.toml:8: there is no placeholder {prot}; ",
            "config/delivery.toml:34: there is no placeholder {wat}; ",
            "config/delivery.toml:6: `config` does not exist",
            "config/delivery.toml:12: `haproxy.cfg` does not exist",
            "config/delivery.toml:7: service.setting_variable is `SHOP__KEY`, without a {KEY}",
        ] {
            assert!(findings.iter().any(|finding| finding.starts_with(expected)), "{expected} in {findings:#?}");
        }
        assert_eq!(findings.len(), 5, "{findings:#?}");
    }
}
