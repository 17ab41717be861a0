//! Audit events of a command, with the data before and after the command.

mod before_after;
mod events;
mod field_changes;
mod proofs;
mod subject;

pub use field_changes::FieldChange;
