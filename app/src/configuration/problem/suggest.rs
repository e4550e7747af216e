//! The name that was probably meant.

/// The candidate nearest to `name`, unless all are too far off to be a slip of the finger.
///
/// A key that exists in another section counts as near: `server.level` means `log.level`.
pub(crate) fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let farthest = (name.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(name: &str, candidate: &str) -> usize {
    let edits = strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    if last_part(name) == last_part(candidate) {
        // Behind a plain typing error of the whole name, before anything else.
        edits.min(2)
    } else {
        edits
    }
}

fn last_part(name: &str) -> &str {
    let separator = if name.contains("__") { "__" } else { "." };
    name.rsplit(separator).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 4] = ["server.host", "server.port", "log.level", "faults.latency"];

    #[test]
    fn a_typing_error_finds_its_setting() {
        assert_eq!(closest("server.prot", PATHS), Some("server.port"));
        assert_eq!(closest("fautls.latency", PATHS), Some("faults.latency"));
        assert_eq!(closest("Server.Port", PATHS), Some("server.port"));
    }

    #[test]
    fn a_key_in_the_wrong_section_finds_its_own() {
        assert_eq!(closest("server.level", PATHS), Some("log.level"));
        assert_eq!(closest("port", PATHS), Some("server.port"));
    }

    #[test]
    fn a_variable_in_the_wrong_section_finds_its_own() {
        let variables = ["APP__SERVER__PORT", "APP__LOG__LEVEL"];
        assert_eq!(closest("APP__LEVEL", variables), Some("APP__LOG__LEVEL"));
    }

    #[test]
    fn something_else_finds_nothing() {
        assert_eq!(closest("database.url", PATHS), None);
        assert_eq!(closest("", PATHS), None);
    }
}
