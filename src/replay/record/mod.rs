//! Recordings: a conversation that was listened to, as a message script without its secrets.

pub mod har;
mod redact;
mod transcript;

pub use transcript::{Direction, Transcript};
