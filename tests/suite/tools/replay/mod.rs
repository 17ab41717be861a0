//! Tests of `replay` and `record` on the command line.

mod command;
mod load;
mod recording;
mod verification;
