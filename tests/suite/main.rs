//! The suite: one test binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
#![expect(missing_docs, reason = "the names say it")]

mod gateway;
mod start;
