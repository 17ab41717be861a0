//! The result of a password check and its client.

use std::net::IpAddr;
use std::sync::Arc;

use crate::platform::ClientNetwork;
use crate::realm::{Fingerprint, LoginClient, Realm, User, Verdict};
/// A password that was checked outside the realm, and against what.
pub struct CheckedPassword {
    /// What the check said.
    pub verdict: Verdict,
    /// The credential it was checked against; none: there is none, and the work was done for show.
    pub checked: Option<Fingerprint>,
    /// Its hash by the cost of today, if it matched one by another.
    pub rehash: Option<Arc<str>>,
    /// From where, as locks count it.
    pub client: LoginClient,
    /// Whether a directory checked it, and nothing else did.
    pub directory: bool,
    /// Whether that directory alone decides about locks and the age of passwords.
    pub bypass: bool,
}

/// Where somebody comes from who says to be this user.
pub fn client_of(realm: &Realm, user: Option<&User>, address: IpAddr) -> LoginClient {
    let source = ClientNetwork::from(address);
    let here =
        |host: &str| host.parse().is_ok_and(|host: IpAddr| ClientNetwork::from(host) == source);
    let familiar =
        user.is_some_and(|user| realm.sessions_of(user.no).any(|session| here(&session.host)));
    LoginClient { network: source.to_string().into(), familiar }
}
