//! The suite: one test binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod administrators;
mod audit;
mod backup;
mod configuration;
mod conflation;
mod connectors;
mod crash;
mod decode;
mod directory;
mod documents;
mod export;
mod faults;
mod formats;
mod gate;
mod gateway;
mod imports;
mod lockout;
mod log;
mod mail;
mod matrix;
mod operation;
mod packaging;
mod passwords;
mod races;
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
