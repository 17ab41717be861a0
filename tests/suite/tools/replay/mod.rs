//! `replay` and `record`, run as their users run them.

mod command;
mod load;
mod recording;
mod verification;
