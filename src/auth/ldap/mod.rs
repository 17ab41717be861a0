//! LDAP directories: connection, search and bind, circuit breaker.

mod circuit_breaker;
mod directory;
mod dn;
mod search_bind;
mod types;

pub use directory::Directory;
pub use types::{Answer, Found, Server, Tls};
