//! Passwords in URLs: `scheme://user:password@host` (RFC 3986, 3.2.1; the `BasicAuthDetector` of detect-secrets).

use std::ops::Range;

use super::placeholder;

/// Shorter ones are part of a drawing or a pattern.
const SHORTEST: usize = 3;
/// How far the scheme and the host may be.
const LONGEST: usize = 512;
/// Hosts of RFC 2606, which nobody has.
const NOBODYS: [&str; 6] = ["example.com", "example.org", "example.net", ".example", ".invalid", ".test"];

/// The URL around the `:` before `//`, from its scheme to its host, where it has a password.
pub(super) fn find(text: &[u8], colon: usize) -> Option<Range<usize>> {
    let rest = text[colon..].strip_prefix(b"://")?;
    let scheme = text[..colon].iter().rev().take(LONGEST).take_while(|byte| is_of_scheme(**byte)).count();
    let length = rest.iter().take(LONGEST).take_while(|byte| is_of_authority(**byte)).count();
    let authority = &rest[..length];
    let at = authority.iter().rposition(|byte| *byte == b'@')?;
    let (user_info, host) = (&authority[..at], &authority[at + 1..]);
    let split = user_info.iter().position(|byte| *byte == b':')?;
    let (user, password) = (&user_info[..split], &user_info[split + 1..]);
    let name = String::from_utf8_lossy(host).to_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    let somebodys = !name.is_empty() && !NOBODYS.iter().any(|nobodys| name.ends_with(nobodys));
    let is_password = password.len() >= SHORTEST && !placeholder::is_no_password(user, password);
    (scheme > 0 && somebodys && is_password).then(|| colon - scheme..colon + b"://".len() + length)
}

fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

fn is_of_authority(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"/?#\"'`\\,;()|".contains(&byte)
}
