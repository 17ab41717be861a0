//! Append-only, numbered, hash-chained records.

pub mod block;
pub mod records;
