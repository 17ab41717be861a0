//! LDAP directories: connection, search and bind, circuit breaker.

mod circuit_breaker;
mod directory;
mod dn;
mod result;
mod search_bind;
mod server;

pub use directory::DirectoryClient;
pub use result::{DirectoryUser, LdapResult};
pub use server::{LdapServer, TlsMode};
