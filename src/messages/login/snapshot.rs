//! The realm data that a login needs before its password or code is checked.

use std::net::IpAddr;
use std::sync::Arc;

use protocol::UserName;

use super::second_factor::UserSecret;
use crate::messages::context::MessageContext;
use crate::platform::ClientNetwork;
use crate::realm::{LoginClient, Millis, Realm, User, UserNo};

/// The user, lock and credentials of a login, all as of the same moment. If the credentials have
/// changed when the command is applied, the realm refuses the command as stale.
pub struct LoginSnapshot {
    /// The user name in the stored spelling, or in the spelling of the client if no user has it.
    pub name: UserName,
    /// The user; `None` if no user has the name.
    pub user: Option<UserNo>,
    /// The hash of the user's password; `None` if the user has none.
    pub credential: Option<Arc<str>>,
    /// The end of the lock that refuses logins under this name from this client; `None` without a
    /// lock.
    pub locked_until: Option<Millis>,
    /// The confirmed secret of the user's second factor; `None` if the user has none.
    pub second_factor: Option<UserSecret>,
    /// The client network of the login, on which locks depend.
    pub client: LoginClient,
}

impl LoginSnapshot {
    /// Makes the snapshot for a user name, known or unknown.
    pub fn by_name(context: &MessageContext, name: &UserName) -> Self {
        context.read(|realm| Self::new(context, realm, name, realm.user_by_name(name)))
    }

    /// Makes the snapshot of a user that was found already.
    pub(super) fn of_user(context: &MessageContext, realm: &Realm, user: &User) -> Self {
        Self::new(context, realm, &user.name, Some(user))
    }

    fn new(context: &MessageContext, realm: &Realm, name: &UserName, user: Option<&User>) -> Self {
        let client = client_of(context.client.address);
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

/// Returns the client of a login.
fn client_of(address: IpAddr) -> LoginClient {
    LoginClient { network: ClientNetwork::from(address).to_string().into(), ..Default::default() }
}
