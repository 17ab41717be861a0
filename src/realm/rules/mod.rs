//! The rules of the realm, a file for each kind of command.

pub mod active_codes;
pub mod admin_resets;
pub mod bootstrap;
pub mod change_set;
pub mod credentials;
pub mod directory_sync;
pub mod escalation;
pub mod list_diff;
pub mod lockout;
pub mod login;
pub mod mail_queue;
pub mod one_time_tokens;
pub mod pending_login;
pub mod profiles;
pub mod rights;
pub mod second_factor;
pub mod self_service_reset;
pub mod sessions;
pub mod token_lifetimes;
pub mod user_records;
pub mod users;
