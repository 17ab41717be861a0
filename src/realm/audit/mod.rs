//! Audit events of a command, with the data before and after it.

pub mod before_after;
pub mod events;
pub mod field_changes;
