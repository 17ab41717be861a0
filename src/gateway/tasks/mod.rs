//! Background tasks of a running gateway.

pub mod health_checks;
pub mod key_check;
pub mod mail_delivery;
pub mod spawn;
