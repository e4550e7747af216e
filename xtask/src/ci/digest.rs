//! Telling contents apart.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of something, in hexadecimal.
pub(super) fn of(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
