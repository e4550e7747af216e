//! Variables of this process's environment. One that is set to nothing is as good as none: workflows set them so where
//! there is nothing to be set to.

use std::path::PathBuf;

/// What a variable holds, where that is a text.
pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The file or folder that a variable names.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}
