//! The command log: an ordered, durable list of commands.

pub mod command_log;
pub mod memory;
pub mod sled;
