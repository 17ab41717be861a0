//! Mail addresses, message templates and transports.

pub mod template;
pub mod transport;
