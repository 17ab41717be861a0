//! `tollgate import-preferences`: conversion of Genesis preferences.

pub mod command;
pub mod convert;
pub mod ldap;
pub mod login_ack;
pub mod parser;
