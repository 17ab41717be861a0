//! The suite: one test binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod administrators;
mod audit;
mod backup;
mod conflation;
mod crash;
mod decode;
mod documents;
mod export;
mod faults;
mod formats;
mod gateway;
mod log;
mod mail;
mod matrix;
mod operation;
mod packaging;
mod realm;
mod reload;
mod resets;
mod rest;
mod rights;
mod scripts;
mod sessions;
mod start;
mod tidy;
mod tls;
mod virtual_time;
