//! The command line: a file or folder for each sub-command or group of related ones.

mod admin;
mod arguments;
mod audit;
mod backup;
mod calibrate;
mod completions;
mod config;
mod config_args;
mod doctor;
mod error_text;
mod export;
mod health;
mod import_preferences;
mod import_users;
mod offline_store;
mod populate;
mod record;
mod rekey;
mod remote;
mod replay;
mod schema;
mod send;
mod serve;
mod terminal;
mod time_argument;
mod user;

pub use arguments::{command, run};
