//! Values that are given to keys, on one line: `key = "value"` and `"key": "value"` as in TOML, YAML, JSON, Rust and `.env`,
//! `KEY=value` as in a shell, `ENV KEY value` as in a Dockerfile, `("KEY", "value")` as in a call.

use std::ops::Range;

use super::encoding;
use super::entropy;
use super::kind::Kind;
use super::placeholder;

/// The longest key, and how far a value may be from it.
const NEAR: usize = 96;
/// The least characters that entropy is asked of.
const SHORTEST: usize = 16;
/// The most; what is longer is data.
const LONGEST: usize = 4096;

/// What the name of a key that is kept secret has in it; in lower case, without separators.
const SECRET: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "authkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "credential",
];
/// How the name of a key ends that only tells about a secret.
const ABOUT: [&str; 11] = ["file", "path", "dir", "url", "uri", "name", "env", "type", "id", "ref", "length"];
/// What the name of a key has in it that anybody may know.
const OPEN: [&str; 5] = ["public", "hash", "sha256", "digest", "checksum"];

/// The value that the operator at `at` gives to a key, where it is a secret. Operators are `=`, `:` and `,`.
pub(super) fn find(text: &[u8], at: usize) -> Option<(Kind, Range<usize>)> {
    let key = key_before(text, at)?;
    let value = value_after(text, at)?;
    judge(&text[key], &text[value.clone()]).map(|kind| (kind, value))
}

/// The value of a Dockerfile's `ENV KEY value`, which begins at `at`, where it is a secret.
pub(super) fn find_env(text: &[u8], at: usize) -> Option<(Kind, Range<usize>)> {
    text[at..].strip_prefix(b"ENV ")?;
    let key = at + b"ENV ".len();
    let length = run(&text[key..], NEAR, is_of_key);
    let value = value(text, key + length).filter(|_| text.get(key + length) == Some(&b' '))?;
    judge(&text[key..key + length], &text[value.clone()]).map(|kind| (kind, value))
}

fn judge(key: &[u8], value: &[u8]) -> Option<Kind> {
    let key = String::from_utf8_lossy(key).to_lowercase();
    let joined = key.replace(['_', '-', '.'], "");
    if joined.ends_with("auth") && is_registry_auth(value) {
        return Some(Kind::RegistryAuth);
    }
    if value.len() < SHORTEST || placeholder::is_example(value) {
        return None;
    }
    if is_aws_secret_key(&joined, value) {
        return Some(Kind::AwsSecretKey);
    }
    let random = is_of_a_secret(&joined) && entropy::looks_random(value) && !placeholder::stands_for_another(value);
    random.then_some(Kind::HighEntropy)
}

/// Whether the name of a key says that its value is a secret.
pub(crate) fn names_a_secret(key: &str) -> bool {
    is_of_a_secret(&key.to_lowercase().replace(['_', '-', '.'], ""))
}

fn is_of_a_secret(joined: &str) -> bool {
    let is_open = ABOUT.iter().any(|about| joined.ends_with(about)) || OPEN.iter().any(|open| joined.contains(open));
    !is_open && SECRET.iter().any(|secret| joined.contains(secret))
}

/// `user:password` in base64, as in `auths` of Docker's `config.json` (docs.docker.com, `docker login`) and `_auth` of
/// `.npmrc`.
fn is_registry_auth(value: &[u8]) -> bool {
    let Some(decoded) = encoding::base64(value).filter(|_| value.len() >= 8) else { return false };
    let Some(split) = decoded.iter().position(|byte| *byte == b':') else { return false };
    let (user, password) = (&decoded[..split], &decoded[split + 1..]);
    let is_text = decoded.iter().all(u8::is_ascii_graphic);
    is_text && !user.is_empty() && !password.is_empty() && !placeholder::is_no_password(user, password)
}

/// 40 characters of base64 under a key that is AWS's (the `AWSKeyDetector` of detect-secrets).
fn is_aws_secret_key(key: &str, value: &[u8]) -> bool {
    let names = key.contains("secretaccesskey")
        || key.contains("aws") && ["key", "secret", "password", "token"].iter().any(|name| key.contains(name));
    let is_base64 = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    let is_hex = value.iter().all(u8::is_ascii_hexdigit);
    names && value.len() == 40 && is_base64 && !is_hex && entropy::shannon(value) >= entropy::OF_FORMAT
}

/// The key before an operator, without its quotes.
fn key_before(text: &[u8], at: usize) -> Option<Range<usize>> {
    let before = &text[at.saturating_sub(NEAR)..at];
    let trimmed = before.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(b"+").or(trimmed.strip_suffix(b"?")).unwrap_or(trimmed).trim_ascii_end();
    let quotes = trimmed.iter().rev().take_while(|byte| b"\"'`\\]".contains(byte)).count();
    let unquoted = &trimmed[..trimmed.len() - quotes];
    let length = unquoted.iter().rev().take_while(|byte| is_of_key(**byte)).count();
    let end = at - (before.len() - unquoted.len());
    let in_line = !before[unquoted.len()..].contains(&b'\n');
    (in_line && length > 0 && (text[at] != b',' || quotes > 0)).then(|| end - length..end)
}

/// The value after an operator.
fn value_after(text: &[u8], at: usize) -> Option<Range<usize>> {
    let operator = run(&text[at..], 4, |byte| b"=:>~,".contains(&byte));
    let start = at + operator;
    match text[at] {
        b':' if operator > 1 && text.get(start - 1) == Some(&b':') => None,
        b',' => value(text, start).filter(|value| b"\"'`".contains(&text[value.start - 1])),
        b':' => value(text, start + typed(&text[start..])),
        _ => value(text, start),
    }
}

/// How long the type is that Rust has between a name's colon and its value: `: &str =`.
fn typed(rest: &[u8]) -> usize {
    let near = &rest[..run(rest, NEAR, |byte| !b"\n\"'`".contains(&byte))];
    near.windows(3).position(|window| window == b" = ").map_or(0, |at| at + 3)
}

/// The value that begins after some spaces; up to its quote where it has one, else to what cannot be part of it.
fn value(text: &[u8], start: usize) -> Option<Range<usize>> {
    let start = start + run(text.get(start..)?, NEAR, |byte| byte == b' ' || byte == b'\t');
    let opening = run(&text[start..], 4, |byte| b"\"'`\\#brf@".contains(&byte));
    let quote = text[start..start + opening].iter().rposition(|byte| b"\"'`".contains(byte));
    let (start, length) = match quote {
        Some(quote) => {
            let open = text[start + quote];
            let start = start + quote + 1;
            let length = run(&text[start..], LONGEST + 1, |byte| byte != open && byte != b'\n' && byte != b'\\');
            (start, length)
        }
        None => (start, run(&text[start..], LONGEST + 1, is_of_bare_value)),
    };
    let is_text = !text[start..start + length].iter().any(u8::is_ascii_whitespace);
    (length > 0 && length <= LONGEST && is_text).then(|| start..start + length)
}

fn run(text: &[u8], most: usize, is: impl Fn(u8) -> bool) -> usize {
    text.iter().take(most).take_while(|byte| is(**byte)).count()
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

fn is_of_bare_value(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'`,;\\".contains(&byte)
}
