//! LDAP directories: connection, search and bind, circuit breaker.

mod circuit_breaker;
mod directory;
mod dn;
mod result;
mod search_bind;
mod server;

pub use directory::Directory;
pub use result::{Answer, Found};
pub use server::{Server, Tls};
