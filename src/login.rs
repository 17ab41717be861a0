//! Logging in: what EVENT_LOGIN_AUTH, a refresh and EVENT_LOGIN_DETAILS share — the ack, the check
//! of a password outside the realm, and the pair of a session.

mod ack;
mod directory;
mod password;
mod second;
mod tokens;
mod told;

pub use ack::{LoginAck, ack};
pub use password::{CheckedPassword, authenticate, check, peer};
pub use second::{Of, SecondTokens, checked, enroller, given, number};
pub use tokens::Tokens;
