//! The command log: an ordered, durable list of commands.

mod command_log;
mod memory;
mod sled;

pub use command_log::{AppendError, Appended, Entry, Followed, Log, LogError, Trimmed};
pub use memory::MemoryLog;
pub use sled::SledLog;
