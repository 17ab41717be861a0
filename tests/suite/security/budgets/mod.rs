//! Tests of the limits for clients without a session.

mod connections;
mod flood;
mod log_lines;
mod management;
mod messages;
mod refusals;
mod rest;
