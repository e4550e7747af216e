//! `bench`: measures what the tool itself costs.

mod connection;
pub mod load;
