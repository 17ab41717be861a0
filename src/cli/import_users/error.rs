//! DOC cli/import_users/error.rs

/// What is wrong with a line.
pub(super) type Wrong = (u64, String);
