//! The player of one client's script.

mod expectations;
mod steps;

pub use steps::{Manner, Stage};

pub(super) use steps::{Player, Stop};
