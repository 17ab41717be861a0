//! The command log: an ordered, durable list of commands.

mod command_log;
mod memory;
mod sled;

pub use command_log::{
    AppendError, AppendFuture, CommandLog, Entry, LogError, LogEvent, TrimFuture,
};
pub use memory::MemoryLog;
pub use sled::SledLog;
