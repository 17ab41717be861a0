//! The types of the realm's state.

pub mod active_code;
pub mod actor;
pub mod attributes;
pub mod audit_event;
pub mod credential_check;
pub mod daily_counter;
pub mod end_reason;
pub mod expiring_index;
pub mod ids;
pub mod login_attempts;
pub mod mail;
pub mod one_time_token;
pub mod pending_login;
pub mod policy;
pub mod profile;
pub mod right;
pub mod second_factor;
pub mod self_service_reset;
pub mod session;
pub mod token_lifetimes;
pub mod user;
