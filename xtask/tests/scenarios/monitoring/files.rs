//! What stands in the files of Prometheus and Grafana: every panel says what it shows, every alert is tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::repository;

const DASHBOARDS: &str = "docker/grafana/dashboards";
const RULES: &str = "docker/prometheus/rules";

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn dashboards() -> Vec<Value> {
    files(DASHBOARDS).iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list `{key}` in {value}"))
}

/// What follows a key in the lines of a YAML file.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)).map(str::trim).collect()
}

/// A query as Grafana asks it where everything is chosen.
fn filled_in(query: &str) -> String {
    let query = query.replace("$__rate_interval", "4s").replace("$environment", "development");
    let query = query.replace("$colour", ".+");
    assert!(!query.contains('$'), "{query}");
    query
}

/// Every query of the dashboards, with the place it stands in.
pub(super) fn queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dashboard in dashboards() {
        let title = dashboard["title"].as_str().unwrap();
        for panel in list(&dashboard, "panels") {
            let place = format!("{title}: {}", panel["title"]);
            let exprs = list(panel, "targets").iter().map(|target| target["expr"].as_str().unwrap());
            found.extend(exprs.map(|expr| (place.clone(), filled_in(expr))));
        }
        let annotations = list(&dashboard["annotations"], "list").iter();
        let exprs = annotations.filter_map(|annotation| Some((&annotation["name"], annotation["expr"].as_str()?)));
        found.extend(exprs.map(|(name, expr)| (format!("{title}: {name}"), filled_in(expr))));
        for variable in list(&dashboard["templating"], "list") {
            let Some(query) = variable["query"]["query"].as_str() else { continue };
            let (series, _) = query.strip_prefix("label_values(").unwrap().rsplit_once(", ").unwrap();
            found.push((format!("{title}: {}", variable["name"]), filled_in(series)));
        }
    }
    found
}

/// The metrics that a query names.
pub(super) fn metrics(query: &str) -> BTreeSet<&str> {
    const BEGIN: [&str; 6] = ["haproxy_", "http_", "process_", "app_", "environment:", "environment_"];
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_:".contains(letter));
    words.filter(|word| BEGIN.iter().any(|begin| word.starts_with(begin))).collect()
}

#[test]
fn a_dashboard_says_what_each_panel_shows_and_names_no_data_source_of_its_own() {
    let mut uids = BTreeSet::new();
    for dashboard in dashboards() {
        let title = dashboard["title"].as_str().unwrap();
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{title}");
        assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 41 && dashboard.get("id").is_none(), "{title}");
        let variables: Vec<_> = list(&dashboard["templating"], "list").iter().map(|it| it["name"].as_str()).collect();
        assert_eq!(variables, [Some("datasource"), Some("environment"), Some("colour")], "{title}");
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "panels") {
            let told = ["title", "description", "type"].map(|key| panel[key].as_str().unwrap_or_default());
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
            assert!(told.iter().chain([&unit]).all(|text| !text.is_empty()), "{title}: {told:?} {unit}");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: {told:?}");
            assert!(
                places.insert((panel["gridPos"]["x"].as_u64(), panel["gridPos"]["y"].as_u64())),
                "{title}: {told:?}"
            );
            let sources = list(panel, "targets").iter().chain([panel]).map(|it| it["datasource"]["uid"].as_str());
            assert!(sources.into_iter().all(|uid| uid == Some("${datasource}")), "{title}: {told:?}");
        }
        let uids = list(&dashboard["annotations"], "list").iter().map(|it| it["datasource"]["uid"].as_str().unwrap());
        assert_eq!(uids.collect::<Vec<_>>(), ["${datasource}", "-- Grafana --"], "{title}");
    }
    assert_eq!(uids.len(), 2);
}

#[test]
fn every_alert_is_tested_both_ways_and_leads_to_a_part_of_the_runbook_that_exists() {
    let tests: String = files("docker/prometheus/tests").into_iter().map(|(_, text)| text).collect();
    let expected = |alert: &str, fires: bool| {
        let mut cases = tests.split("alertname: ").skip(1).filter_map(|case| case.split_once('\n'));
        cases.any(|(name, rest)| name == alert && rest.trim_start().starts_with("exp_alerts: []") != fires)
    };
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let anchor = |title: &str| title.to_lowercase().replace(' ', "-");
    let anchors: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let mut alerts = 0;
    for (path, text) in files(RULES) {
        for rule in text.split("- alert: ").skip(1) {
            let name = rule.lines().next().unwrap();
            assert!(expected(name, true) && expected(name, false), "{name} is not tested both ways");
            let told = |key: &str| values(rule, key).first().copied().unwrap_or_default();
            assert!(["page", "ticket"].contains(&told("severity:")), "{name} in {}", path.display());
            assert!(!told("summary:").is_empty() && !told("description:").is_empty(), "{name}");
            let anchor = told("runbook_url: docs/runbook.md#");
            assert!(anchors.iter().any(|known| known == anchor), "{name} leads to `{anchor}`");
            alerts += 1;
        }
    }
    assert!(alerts >= 13, "{alerts}");
}
