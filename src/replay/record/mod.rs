//! Recordings: a conversation that was listened to, as a message script without its secrets.

pub mod har;
pub mod redact;
pub mod transcript;
