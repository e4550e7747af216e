//! Whether HAProxy takes its configuration.

use std::fs;

use super::environments::once_for_all;
use super::finding::Finding;
use crate::foreign::number;
use crate::host::Local;
use crate::project::Project;
use crate::router::config::Config;
use crate::say;
use crate::site::FOLDER;
use crate::tools;

/// Lets HAProxy check its configuration with the variables of each environment.
pub(super) fn findings(project: &Project) -> Vec<Finding> {
    let delivery = &project.delivery;
    let config = project.root.join(&delivery.proxy.config);
    let Some(found) = tools::find(&tools::HAPROXY).filter(|_| config.exists()) else {
        say!("note: HAProxy is not installed, so its configuration was not checked");
        return Vec::new();
    };
    let scratch = project.root.join(FOLDER).join(format!(".lint-{}", std::process::id()));
    let (host, haproxy) = (Local::new(&scratch), found.path.to_string_lossy());
    let findings = once_for_all(&delivery.environments, |name, environment| {
        let config = Config::to_look_at(&project.root, delivery, (name, environment));
        match config.and_then(|config| config.check(&host, &haproxy)) {
            Ok(Ok(())) => Vec::new(),
            Ok(Err(alerts)) => alerts.iter().map(|alert| of_alert(alert, &delivery.proxy.config)).collect(),
            Err(error) => vec![Finding::of(&delivery.proxy.config, format!("{error:#}"))],
        }
    });
    // Whatever stays is only untidy; the folder itself goes when no environment is in it.
    let _ = fs::remove_dir_all(&scratch).and_then(|()| fs::remove_dir(project.root.join(FOLDER)));
    findings
}

/// `config : parsing [haproxy.cfg:3] : unknown keyword`.
fn of_alert(alert: &str, file: &str) -> Finding {
    let line = alert.split_once(&format!("[{file}:")).and_then(|(_, rest)| number(rest));
    let line = line.filter(|(_, rest)| rest.starts_with(']')).and_then(|(line, _)| usize::try_from(line).ok());
    match line {
        Some(line) => Finding::at(file, line, alert),
        None => Finding::of(file, alert),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_at_its_line_where_it_names_one() {
        let alert = "config : parsing [docker/haproxy.cfg:12] : unknown keyword 'x'";
        assert_eq!(of_alert(alert, "docker/haproxy.cfg"), Finding::at("docker/haproxy.cfg", 12, alert));
        for alert in ["config : none", "[docker/haproxy.cfg:", "[docker/haproxy.cfg:9"] {
            assert_eq!(of_alert(alert, "docker/haproxy.cfg"), Finding::of("docker/haproxy.cfg", alert));
        }
    }
}
