//! Errors of imported records.

/// What is wrong with a line.
pub(super) type Wrong = (u64, String);
