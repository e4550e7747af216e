//! The files by which a step tells GitHub something: `GITHUB_OUTPUT`, `GITHUB_ENV`, `GITHUB_PATH`. A value is
//! `name=value`, or, over several lines, `name<<DELIMITER` up to a line that is the delimiter.

/// The values in a file, in order; one that is told twice is there twice.
///
/// # Errors
/// With the number of the line, from 1, at which there is no value.
pub fn values(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut values = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let refused = |what: &str| Err(format!("line {}, `{line}`, {what}", at + 1));
        let (name, value) = match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(heredoc)) => {
                let delimiter = &line[heredoc + 2..];
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, line)) if line == delimiter => break,
                        Some((_, line)) => value.push(line),
                        None => return refused(&format!("begins a value that no line `{delimiter}` ends")),
                    }
                }
                (&line[..heredoc], value.join("\n"))
            }
            _ => return refused("is neither `name=value` nor `name<<DELIMITER`"),
        };
        if name.is_empty() {
            return refused("has no name");
        }
        values.push((name.to_owned(), value));
    }
    Ok(values)
}

/// The folders that a step puts in front of `PATH`: the last one first.
pub(super) fn folders(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty()).rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_line_and_of_many_are_told_apart() {
        let table: [(&str, &[(&str, &str)]); 9] = [
            ("", &[]),
            ("release=v1\n", &[("release", "v1")]),
            ("release=v1", &[("release", "v1")]),
            ("release=v1\n\nimage=a=b\r\n", &[("release", "v1"), ("image", "a=b")]),
            ("empty=\n", &[("empty", "")]),
            ("notes<<END\nfirst\n\nsecond=2\nEND\nafter=1\n", &[("notes", "first\n\nsecond=2"), ("after", "1")]),
            ("none<<END\nEND\n", &[("none", "")]),
            ("notes<<END\nthe END\n END\nEND\n", &[("notes", "the END\n END")]),
            ("query=a<<b\n", &[("query", "a<<b")]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(values(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_line() {
        let table = [
            ("a=1\nrelease v1\n", "line 2, `release v1`, is neither"),
            ("=v1\n", "line 1, `=v1`, has no name"),
            ("notes<<END\nfirst\n", "line 1, `notes<<END`, begins a value that no line `END` ends"),
        ];
        for (text, expected) in table {
            let refused = values(text).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn the_folder_that_is_told_last_is_looked_at_first() {
        assert_eq!(folders("/one\n\n/two\n"), ["/two", "/one"]);
    }
}
