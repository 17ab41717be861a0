//! The suite: one test binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod crash;
mod gateway;
mod start;
