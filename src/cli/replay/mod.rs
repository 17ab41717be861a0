//! `tollgate replay`: plays message scripts.

mod command;
mod output;
mod progress;
mod scripts;

pub(super) use command::{ReplayArgs, ReplayFailed};
