//! `tollgate import-preferences`: conversion of Genesis preferences.

mod command;
mod convert;
mod ldap;
mod login_ack;
mod parser;

pub(super) use command::ImportPreferencesArgs;
