//! The patterns by which a trigger chooses branches and tags.

/// Whether a name fits a pattern: `*` is anything but a slash, `**` is anything.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    let (after, crosses) = match after.strip_prefix('*') {
        Some(after) => (after, true),
        None => (after, false),
    };
    let reach = if crosses { rest.len() } else { rest.find('/').unwrap_or(rest.len()) };
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).take_while(|end| *end <= reach);
    ends.any(|end| fits(after, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        let table = [
            ("main", "main", true),
            ("main", "mainly", false),
            ("v*", "v1.2.0", true),
            ("v*", "1.2.0", false),
            ("v*", "v", true),
            ("release/*", "release/1", true),
            ("release/*", "release/1/a", false),
            ("release/**", "release/1/a", true),
            ("*", "feature/a", false),
            ("**", "feature/a", true),
            ("**/a", "feature/b/a", true),
            ("v*-rc*", "v1-rc2", true),
            ("v*-rc*", "v1", false),
            ("日*", "日本", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
