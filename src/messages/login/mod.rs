//! Login, refresh, second factor, logout, heartbeats and the login ack.

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
pub mod event_reauthenticate;
pub mod heartbeat_ping;
mod password_check;
mod password_login;
mod pending_login;
mod presented_token;
mod reply;
mod second_factor;
mod session_view;
mod snapshot;
mod token_pair;
mod token_refresh;

pub use password_check::check_local_password;
pub use second_factor::{UserSecret, check_code, check_totp, enrolment_actor};
pub use snapshot::LoginSnapshot;
