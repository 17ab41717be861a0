//! The command log and the replica that applies it.

mod applied_seq;
mod backup;
mod log;
mod open;
mod replica;
mod write_behind;

pub use backup::{StepError, add_to_checksum};
pub use log::{
    AppendError, AppendFuture, CommandLog, Entry, LogError, LogEvent, MemoryLog, SledLog,
    TrimFuture,
};
pub use open::open_log;
pub use replica::{Replica, SubmitError};
