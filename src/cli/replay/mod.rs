//! `tollgate replay`: plays message scripts.

pub mod command;
pub mod output;
pub mod progress;
pub mod scripts;
