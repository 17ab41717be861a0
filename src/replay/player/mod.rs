//! The player of one client's script.

pub mod expectations;
pub mod steps;
