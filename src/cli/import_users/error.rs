//! The error of one imported line.

/// The line number and what is wrong with the line.
pub(super) type LineError = (u64, String);
