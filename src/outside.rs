//! The outside: clock, dice, passwords — what differs between two runs and therefore never enters
//! the realm.

pub mod keys;
pub mod ldap;
pub mod mail;
pub mod passwords;
pub mod seal;

pub mod totp;
