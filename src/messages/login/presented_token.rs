//! A refresh token that a client presented, and what it belongs to.

use protocol::{MfaCode, RefreshToken, UserName};

use super::snapshot::LoginSnapshot;
use crate::messages::context::MessageContext;
use crate::realm::TokenHash;

/// What the client gave.
pub struct PresentedToken<'a> {
    /// REFRESH_AUTH_TOKEN.
    pub token: &'a RefreshToken,
    /// Its hash.
    pub hash: TokenHash,
    /// USER_NAME: must be the owner's, if there is one.
    pub user_name: Option<&'a UserName>,
    /// MFA_CODE.
    pub code: Option<&'a MfaCode>,
}

/// What a token belongs to, with its user.
pub enum TokenOwner {
    /// A login whose second factor is missing.
    PendingLogin(LoginSnapshot),
    /// A session, live or dormant.
    Session(LoginSnapshot),
}

impl PresentedToken<'_> {
    /// Finds what the token belongs to; `None` if the realm does not know it.
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
