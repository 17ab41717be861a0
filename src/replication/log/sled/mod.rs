//! The command log in the embedded store.

pub mod committer;
pub mod entry_codec;
pub mod sled_log;
pub mod write_status;
