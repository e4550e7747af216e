//! Numbers that nobody can guess beforehand.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Different in every process, and each time.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}
