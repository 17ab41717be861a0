//! The rules of the realm, one file for each subject.

mod active_codes;
mod admin_resets;
mod administrators;
mod authority;
mod bootstrap;
mod change_set;
mod configuration;
mod credentials;
mod directory_sync;
mod list_diff;
mod lockout;
mod login;
mod mail_queue;
mod notices;
mod one_time_tokens;
mod pending_login;
mod profiles;
mod recovery;
mod refresh;
mod rights;
mod second_factor;
mod self_service_reset;
mod sessions;
mod token_lifetimes;
mod user_records;
mod users;
