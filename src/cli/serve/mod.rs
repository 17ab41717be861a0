//! `tollgate serve`: runs the gateway.

mod command;
mod first_start;
mod reload_signal;

pub(super) use command::{CannotListen, ServeArgs};
