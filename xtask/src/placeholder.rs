//! What stands between braces in a text of `delivery.toml`, for what is only known later. Pure.

/// The text with a value for each bare word between braces. `{{word}}` is `{word}`, as a label's value may have it, and
/// `${word}` is that of PromQL's `label_replace`; braces around anything else are the text's own.
///
/// ```
/// let filled = xtask::placeholder::fill("{release} in {{braces}}", |name| name.to_uppercase());
/// assert_eq!(filled, "RELEASE in {braces}");
/// ```
pub fn fill(text: &str, mut value: impl FnMut(&str) -> String) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (inside, end) = after.strip_prefix('{').map_or((after, "}"), |inside| (inside, "}}"));
        match inside.split_once(end).filter(|(name, _)| is_word(name) && !filled.ends_with('$')) {
            Some((name, after)) => {
                filled.push_str(&if end == "}" { value(name) } else { format!("{{{name}}}") });
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

/// A sentence about each bare word between braces that is none of those that stand for something.
pub fn mistakes(text: &str, known: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    fill(text, |name| {
        if !known.contains(&name) {
            let there = known.join("}, {");
            found.push(format!(
                "there is no placeholder {{{name}}}; there are {{{there}}}. Where the braces belong to a text, it is {{{{{name}}}}}"
            ));
        }
        String::new()
    });
    found
}

fn is_word(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.starts_with(is_letter) && text.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_stands_for_nothing_is_found_and_named() {
        let found = mistakes("{colour} {candidate} up{job} {{job}} ${name} {Window}", &["candidate", "window"]);
        assert_eq!(found.len(), 3, "{found:?}");
        for (told, name) in found.iter().zip(["colour", "job", "Window"]) {
            assert!(
                told.starts_with(&format!("there is no placeholder {{{name}}}; there are {{candidate}}, {{window}}."))
            );
            assert!(told.ends_with(&format!("it is {{{{{name}}}}}")));
        }
    }
}
