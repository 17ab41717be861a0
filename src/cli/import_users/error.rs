//! Errors of imported records.

/// What is wrong with a line.
pub(super) type LineError = (u64, String);
