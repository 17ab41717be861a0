//! Tests of `replay` and `record` on the command line.

pub mod command;
mod load;
mod recording;
mod verification;
