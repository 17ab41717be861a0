//! Test fixtures: the gateway as a process, its clients, LDAP and mail servers.

pub mod authenticator;
mod certificates;
pub mod clients;
pub mod curl;
pub mod gateway;
pub mod markdown;
mod moved_clock;
pub mod realm;
pub mod scripts;
pub mod signals;
pub mod slapd;
pub mod smtp;
pub mod writers;

pub use certificates::Authority;
pub use clients::Client;
pub use gateway::{GatewayProcess, Home, PASSWORD, QUICK};
pub use moved_clock::MovedClock;
