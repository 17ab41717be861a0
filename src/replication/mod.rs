//! The command log and the replica that applies it.

pub mod backup;
pub mod log;
pub mod open;
pub mod replica;
pub mod write_behind;
