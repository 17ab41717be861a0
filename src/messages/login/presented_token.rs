//! A refresh token that a client presented, and its session or pending login.

use protocol::{MfaCode, RefreshToken, UserName};

use super::snapshot::LoginSnapshot;
use crate::messages::context::MessageContext;
use crate::realm::TokenHash;

/// A token, and the fields that were sent with it.
pub struct PresentedToken<'a> {
    /// REFRESH_AUTH_TOKEN.
    pub token: &'a RefreshToken,
    /// The hash of the token.
    pub hash: TokenHash,
    /// USER_NAME, if sent: the realm checks that it is the user of the token.
    pub user_name: Option<&'a UserName>,
    /// MFA_CODE, if sent.
    pub code: Option<&'a MfaCode>,
}

/// The pending login or session to which a token belongs, with a snapshot of the user.
pub enum TokenOwner {
    /// A pending login.
    PendingLogin(LoginSnapshot),
    /// A session, live or dormant.
    Session(LoginSnapshot),
}

impl PresentedToken<'_> {
    /// Finds the owner of the token; `None` if the token is unknown.
    pub fn find_owner(&self, context: &MessageContext) -> Option<TokenOwner> {
        context.read(|realm| {
            let snapshot = |user| LoginSnapshot::of_user(context, realm, user);
            match realm.user_by_pending_login(&self.hash) {
                Some(user) => Some(TokenOwner::PendingLogin(snapshot(user))),
                None => Some(TokenOwner::Session(snapshot(realm.user_by_refresh(&self.hash)?))),
            }
        })
    }
}
