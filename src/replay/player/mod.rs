//! The player of one client's script.

mod expectations;
mod steps;

pub use steps::{PlayOptions, Scenario};

pub(super) use steps::{PlayError, Player};
