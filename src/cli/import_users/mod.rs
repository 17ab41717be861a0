//! `tollgate import-users`: import of users from other systems.

pub mod command;
pub mod error;
pub mod record;
