//! The integration test suite: one binary, one folder per subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod api;
mod documents;
mod durability;
mod harness;
mod operations;
mod realm;
mod security;
mod style;
mod tools;
