//! Telling contents apart.

use hmac_sha256::Hash;

/// The SHA-256 of something, in hexadecimal.
pub fn of(content: impl AsRef<[u8]>) -> String {
    hex(&Hash::hash(content.as_ref()))
}

/// Bytes in hexadecimal, two digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
