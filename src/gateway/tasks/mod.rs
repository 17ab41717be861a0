//! Background tasks of a running gateway.

pub mod health_checks;
pub mod key_check;
pub mod mail_delivery;
pub mod refusal_log;
pub mod retention;
pub mod session_timeouts;
pub mod spawn;
