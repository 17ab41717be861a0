//! The realm as a login needs it before the check of its password or code: one read.

use std::net::IpAddr;
use std::sync::Arc;

use protocol::UserName;

use super::second_factor::UserSecret;
use crate::messages::context::MessageContext;
use crate::platform::ClientNetwork;
use crate::realm::{LoginClient, Millis, Realm, User, UserNo};
/// The user, the lock and the credentials of a login at one moment. The realm decides on what is
/// stored when the command is applied; a snapshot that is stale by then is refused as such.
pub struct LoginSnapshot {
    /// The user's name; as given if no user has it.
    pub name: UserName,
    /// The user; `None` if no user has the name.
    pub user: Option<UserNo>,
    /// The hash of the user's password.
    pub credential: Option<Arc<str>>,
    /// Until when logins under this name from this client are refused.
    pub locked_until: Option<Millis>,
    /// The confirmed secret of the user's second factor.
    pub second_factor: Option<UserSecret>,
    /// Where the login comes from, as locks count it.
    pub client: LoginClient,
}

impl LoginSnapshot {
    /// Reads what a login under a name needs.
    pub fn by_name(context: &MessageContext, name: &UserName) -> Self {
        context.read(|realm| Self::new(context, realm, name, realm.user_by_name(name)))
    }

    /// The snapshot of a known user.
    pub(super) fn of_user(context: &MessageContext, realm: &Realm, user: &User) -> Self {
        Self::new(context, realm, &user.name, Some(user))
    }

    fn new(context: &MessageContext, realm: &Realm, name: &UserName, user: Option<&User>) -> Self {
        let client = client_of(realm, user, context.client.address);
        Self {
            name: user.map_or(name, |user| &user.name).clone(),
            user: user.map(|user| user.no),
            credential: user.and_then(|user| user.credential.clone()),
            locked_until: realm.locked_until(context.now, name, &client),
            second_factor: user.and_then(|user| UserSecret::confirmed(realm, user)),
            client,
        }
    }
}

/// The client of a login; it is familiar if the user has a session from its network.
fn client_of(realm: &Realm, user: Option<&User>, address: IpAddr) -> LoginClient {
    let network = ClientNetwork::from(address);
    let is_here =
        |host: &str| host.parse().is_ok_and(|host: IpAddr| ClientNetwork::from(host) == network);
    let familiar =
        user.is_some_and(|user| realm.sessions_of(user.no).any(|session| is_here(&session.host)));
    LoginClient { network: network.to_string().into(), familiar }
}
