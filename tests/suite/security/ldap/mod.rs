//! Users of an LDAP directory.

mod logins;
mod outage;
