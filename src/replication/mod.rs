//! The command log and the replica that applies it.

mod backup;
mod log;
mod open;
mod replica;
mod write_behind;

pub use backup::{NoStep, sum_up};
pub use log::{AppendError, Appended, Entry, Followed, Log, LogError, MemoryLog, SledLog, Trimmed};
pub use open::open_log;
pub use replica::{Replica, SubmitError};
