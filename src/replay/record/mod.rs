//! Conversion of recorded conversations to message scripts without secrets.

pub mod har;
mod redact;
mod transcript;

pub use transcript::{Direction, Transcript};
