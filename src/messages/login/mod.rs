//! Logging in: what EVENT_LOGIN_AUTH, a refresh and EVENT_LOGIN_DETAILS share — the ack, the check
//! of a password outside the realm, and the pair of a session.

pub mod ack;
pub mod authenticate;
pub mod checked_password;
pub mod custom_ack;
pub mod directory_check;
pub mod event_end_session;
pub mod event_heartbeat;
pub mod event_login_auth;
pub mod event_login_details;
pub mod event_login_prefs;
pub mod event_logout;
pub mod heartbeat_ping;
pub mod password_check;
pub mod second_factor;
pub mod token_pair;

use crate::messages::login::ack::ack;
