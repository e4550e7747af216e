//! What runs the colours.

pub mod process;
pub mod shim;
