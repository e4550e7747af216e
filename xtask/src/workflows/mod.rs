//! `workflows`: what GitHub runs, held against what there is to run.

mod mistake;
pub mod model;
mod read;
pub mod yaml;

pub use mistake::Mistake;
