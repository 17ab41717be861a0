//! Logging in: what EVENT_LOGIN_AUTH, a refresh and EVENT_LOGIN_DETAILS share — the ack, the check
//! of a password outside the realm, and the pair of a session.

mod ack;
mod authenticate;
mod checked_password;
mod custom_ack;
mod directory_check;
pub mod event_end_session;
pub mod event_heartbeat;
pub mod event_login_auth;
pub mod event_login_details;
pub mod event_login_prefs;
pub mod event_logout;
pub mod heartbeat_ping;
mod password_check;
mod second_factor;
mod token_pair;

pub use password_check::check_local_password;
pub use second_factor::{SecretState, check_totp, enrolment_actor};
