//! Tests with users of an LDAP directory.

mod logins;
mod outage;
