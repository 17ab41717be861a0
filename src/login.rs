//! Logging in: what EVENT_LOGIN_AUTH, a refresh and EVENT_LOGIN_DETAILS share — the ack, the check
//! of a password outside the realm, and the pair of a session.

mod ack;
mod password;
mod tokens;
mod told;

pub use ack::{LoginAck, ack};
pub use password::{CheckedPassword, check};
pub use tokens::Tokens;

use std::net::IpAddr;

use crate::realm::Realm;
use crate::realm::command::Peer;
use crate::realm::users::User;

/// Where somebody comes from who says to be this user, as locks count it.
pub fn peer(realm: &Realm, user: Option<&User>, address: IpAddr) -> Peer {
    password::peer(realm, user, address)
}
