//! The command log in the embedded store.

mod committer;
mod entry_codec;
mod sled_log;
mod write_status;

pub use sled_log::SledLog;
