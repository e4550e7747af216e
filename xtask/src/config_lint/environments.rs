//! What is checked for each environment alone.

use std::collections::BTreeMap;

use super::finding::Finding;
use crate::delivery::Environment;

/// Checks each environment; what is said of several in the same words is told once, with their names.
pub(super) fn once_for_all(
    environments: &BTreeMap<String, Environment>,
    check: impl Fn(&str, &Environment) -> Vec<Finding>,
) -> Vec<Finding> {
    let mut told: Vec<(Finding, Vec<&str>)> = Vec::new();
    for (name, environment) in environments {
        for finding in check(name, environment) {
            match told.iter_mut().find(|(known, _)| *known == finding) {
                // It may be said twice of one, too.
                Some((_, names)) if names.last() == Some(&name.as_str()) => {}
                Some((_, names)) => names.push(name),
                None => told.push((finding, vec![name])),
            }
        }
    }
    let named = told.into_iter().map(|(finding, names)| {
        let message = format!("in {}: {}", names.join(", "), finding.message);
        Finding { message, ..finding }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    #[test]
    fn what_is_the_same_everywhere_is_told_once_and_keeps_its_place() {
        let environments = Delivery::parse(DELIVERY).unwrap().environments;
        let findings = once_for_all(&environments, |name, _| {
            let same = Finding::at("a.toml", 3, "same");
            vec![same.clone(), Finding::new(format!("of {name}")), same]
        });
        let expected = [
            Finding::at("a.toml", 3, "in development, production: same"),
            Finding::new("in development: of development"),
            Finding::new("in production: of production"),
        ];
        assert_eq!(findings, expected);
    }
}
