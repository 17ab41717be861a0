//! The suite: one test binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod gateway;
mod scripts;
mod sessions;
mod start;
mod tidy;
