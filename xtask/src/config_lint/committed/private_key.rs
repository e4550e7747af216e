//! Private keys as RFC 7468 writes them, as OpenSSH does and as OpenPGP does (RFC 4880, 6.2): a line that begins one, then
//! base64. The line alone is in many a text about keys, so that it takes the base64 as well.

use super::formats;

const BEGIN: &[u8] = b"-----BEGIN ";
/// Of what stands between `BEGIN` and the hyphens after it: `OPENSSH PRIVATE KEY`, `PGP PRIVATE KEY BLOCK`.
const LABEL: usize = 64;
/// The least that stands on one line; a line of these keys has 64 or 76.
const RUN: usize = 40;
/// Within which that line is looked for: before it come the headers of a key with a passphrase.
const HEAD: usize = 512;
/// The longest key: RSA of 16,384 bits.
const LONGEST: usize = 16 * 1024;

/// Where the key that begins here ends.
pub(super) fn find(text: &[u8], at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix(BEGIN)?;
    let label_end = position(&rest[..rest.len().min(LABEL)], b"-----")?;
    let label = rest[..label_end].strip_suffix(b" BLOCK").unwrap_or(&rest[..label_end]);
    if !label.ends_with(b"PRIVATE KEY") {
        return None;
    }
    let body = &rest[label_end + b"-----".len()..];
    let head = &body[..body.len().min(HEAD)];
    let mut runs = head.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'+' && *byte != b'/');
    let first = runs.find(|run| run.len() >= RUN && formats::is_mixed(run))?;
    let window = &body[..body.len().min(LONGEST)];
    let body_start = text.len() - body.len();
    // One that is cut off is a key all the same.
    let end = position(window, b"-----END ").unwrap_or_else(|| position(head, first).map_or(0, |at| at + first.len()));
    Some(body_start + end)
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
