//! What a job's matrix makes of it: one job for each combination of its values.

use serde_json::{Map, Value};

/// What differs between the jobs of a matrix, by name.
pub(super) type Combination = Map<String, Value>;

/// How many jobs a matrix may make, as on GitHub.
const MOST: usize = 256;

/// Every value of each list with every value of the others, in order.
///
/// # Errors
/// When that is no job at all, or too many.
pub(super) fn combinations(lists: &[(String, Vec<Value>)]) -> Result<Vec<Combination>, String> {
    let count = lists.iter().fold(1_usize, |count, (_, values)| count.saturating_mul(values.len()));
    if lists.is_empty() || count == 0 {
        return Err("the matrix makes no job".into());
    }
    if count > MOST {
        return Err(format!("the matrix makes {count} jobs; GitHub takes {MOST}"));
    }
    let with = |combination: &Combination, name: &str, value: &Value| {
        let mut combination = combination.clone();
        combination.insert(name.to_owned(), value.clone());
        combination
    };
    Ok(lists.iter().fold(vec![Combination::new()], |made, (name, values)| {
        made.iter().flat_map(|combination| values.iter().map(|value| with(combination, name, value))).collect()
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(lists: &[(&str, &[i32])]) -> Result<Value, String> {
        let lists: Vec<_> = lists
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| json!(value)).collect()))
            .collect();
        combinations(&lists).map(|made| made.into_iter().map(Value::Object).collect())
    }

    #[test]
    fn each_value_meets_every_other() {
        assert_eq!(made(&[("a", &[1, 2])]), Ok(json!([{ "a": 1 }, { "a": 2 }])));
        let both = json!([{ "a": 1, "b": 3 }, { "a": 1, "b": 4 }, { "a": 2, "b": 3 }, { "a": 2, "b": 4 }]);
        assert_eq!(made(&[("a", &[1, 2]), ("b", &[3, 4])]), Ok(both));
    }

    #[test]
    fn a_matrix_of_nothing_and_one_of_too_much_are_refused() {
        let long: Vec<_> = (0..20).collect();
        for (lists, expected) in [
            (&[][..], "makes no job"),
            (&[("a", &[1][..]), ("b", &[])], "makes no job"),
            (&[("a", &long), ("b", &long)], "makes 400 jobs"),
        ] {
            assert!(made(lists).unwrap_err().contains(expected));
        }
    }
}
