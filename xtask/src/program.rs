//! This program itself.

use std::io;
use std::path::PathBuf;

/// Where it is, even when its file was replaced by a newer build meanwhile.
///
/// # Errors
/// When the system does not say.
pub fn own() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
