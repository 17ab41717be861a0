//! LDAP directories: connection, search and bind, circuit breaker.

pub mod circuit_breaker;
pub mod directory;
pub mod dn;
pub mod search_bind;
pub mod types;
