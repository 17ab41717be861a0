//! The command line, one file or folder for each sub-command.

pub mod arguments;
pub mod audit;
pub mod backup;
pub mod calibrate;
pub mod completions;
pub mod config;
pub mod config_args;
pub mod doctor;
pub mod export;
pub mod health;
pub mod import_preferences;
pub mod import_users;
pub mod offline_store;
pub mod populate;
pub mod record;
pub mod rekey;
pub mod remote;
pub mod replay;
pub mod say;
pub mod schema;
pub mod serve;
pub mod user;
