//! Mail addresses, message templates and transports.

pub mod address;
pub mod template;
pub mod transport;
