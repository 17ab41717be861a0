//! The commands of the realm and their payloads.

pub mod commands;
pub mod login_payloads;
pub mod record_payloads;
