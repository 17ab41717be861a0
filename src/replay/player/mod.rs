//! Player of the script of one client (virtual user).

mod expectations;
mod steps;

pub use steps::{PlayOptions, Scenario};

pub(super) use steps::{PlayError, Player};
