//! `tollgate serve`: runs the gateway.

mod announcement;
mod command;
mod demo;
mod first_start;
mod reload_signal;

pub(super) use command::{CannotListen, ServeArgs};
