//! The name that was probably meant.

/// The candidate nearest to `name`, unless all are too far off to be a slip of the finger.
pub(super) fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Two short names have most of their letters in common by chance.
    let farthest = (name.chars().count() / 4).clamp(1, 3);
    let near = candidates.into_iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    near.filter(|(distance, _)| *distance <= farthest).min_by_key(|(distance, _)| *distance).map(|(_, nearest)| nearest)
}

/// The same as the last line of a message.
pub(super) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    closest(name, candidates).map(|meant| format!("\ndid you mean: {meant}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_another_name_finds_none() {
        let known = ["SHOP__SERVER__PORT", "SHOP__SERVER__HOST", "db"];
        assert_eq!(closest("SHOP__SERVER__PROT", known), Some("SHOP__SERVER__PORT"));
        assert_eq!(closest("SHOP__SEVER__HOST", known), Some("SHOP__SERVER__HOST"));
        assert_eq!(closest("SHOP__LOG__LEVEL", known), None);
        assert_eq!(closest("s3", known), None);
    }
}
