//! What stands where a secret would: a placeholder, a reference to a variable, a path, a call, plain words.

/// What nobody has in a secret, wherever in it; in lower case.
const TELLING: [&str; 11] = [
    "example",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "redacted",
    "xxxx",
    "....",
    "1234567",
    "abcdefg",
    "insert",
];
/// What people write for a password that is none; in lower case.
const PASSWORDS: [&str; 11] =
    ["password", "pass", "passwd", "pwd", "pw", "secret", "token", "user", "test", "changeme", "changeit"];

/// Whether something that has the shape of a secret is there to show the shape.
pub(super) fn is_example(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase();
    TELLING.iter().any(|telling| text.contains(telling))
}

/// Whether a value leads to a secret, or describes it, instead of being one.
pub(super) fn stands_for_another(value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value);
    is_reference(&value) || is_path(&value) || is_call(&value) || reads_as_words(&value)
}

/// Whether the password of that user, in a URL, is none.
pub(super) fn is_no_password(user: &[u8], password: &[u8]) -> bool {
    let text = String::from_utf8_lossy(password);
    let same = text.chars().all(|character| text.starts_with(character));
    let lower = text.to_lowercase();
    same || user == password || PASSWORDS.contains(&lower.as_str()) || is_reference(&text) || is_example(password)
}

/// `$NAME`, `${NAME}`, `$(command)`, `{{ name }}`, `{name}`, `<name>`, `%NAME%`.
fn is_reference(value: &str) -> bool {
    let encloses = |open: char, close: char| {
        let opened = value.find(open);
        opened.is_some_and(|opened| value[opened..].contains(close))
    };
    value.starts_with(['$', '%']) || value.contains("$(") || encloses('{', '}') || encloses('<', '>')
}

/// Has folders with names, where base64 has only a slash now and then.
fn is_path(value: &str) -> bool {
    let is_name = |part: &str| part.len() >= 3 && part.chars().all(|it| it.is_ascii_lowercase() || "-_.".contains(it));
    value.contains("://") || value.starts_with(['~', '.']) || value.contains('/') && value.split('/').any(is_name)
}

fn is_call(value: &str) -> bool {
    value.contains("::")
        || value.find('(').is_some_and(|at| value[..at].ends_with(|it: char| it.is_alphanumeric() || it == '!'))
}

/// Letters or a short number between any two separators, as in `session-token-v2`.
fn reads_as_words(value: &str) -> bool {
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|it: char| it.is_ascii_digit());
        letters.chars().all(char::is_alphabetic) && part.len() - letters.len() <= 4
    };
    value.contains(['-', '_', '.', ':', '/']) && value.split(['-', '_', '.', ':', '/']).all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_secret_is_told_from_one() {
        for other in [
            "$APP_TOKEN",
            "${APP_TOKEN:-none}",
            "$(cat token)",
            "{{ vault.token }}",
            "<your token here>",
            "%TOKEN%",
            "/run/secrets/token1",
            "secrets/tokens/a1.json",
            "./token-9f86d0",
            "https://vault/v1/token9f",
            "read_secret(17,name)",
            "secrets::token::v2",
            "quote!(..100u32)",
            "session-token-v2-2026",
            "service.api.token",
        ] {
            assert!(stands_for_another(other.as_bytes()), "{other}");
        }
        for secret in
            ["kJ8sPq2VxW7mZr4T", "b1946ac92492d2347c6235b4d2611184", "aB3/dE6+fG9hJ2kL/mN5=", "a1b2-c3d4-e5f6"]
        {
            assert!(!stands_for_another(secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn a_password_that_is_none_is_known() {
        for none in ["password", "PASSWORD", "***", "x", "${PASSWORD}", "<password>", "{password}", "postgres", "$PW"] {
            assert!(is_no_password(b"postgres", none.as_bytes()), "{none}");
        }
        assert!(!is_no_password(b"postgres", b"hunter2"));
    }
}
