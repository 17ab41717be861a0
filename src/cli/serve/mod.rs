//! `tollgate serve`: runs the gateway.

pub mod command;
pub mod first_start;
pub mod reload_signal;
