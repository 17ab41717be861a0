//! `tollgate import-users`: import of users from other systems.

mod command;
mod error;
mod record;

pub(super) use command::{ImportUsersArgs, format};
