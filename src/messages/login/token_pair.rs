//! The secrets of a session.

use protocol::{RefreshToken, SessionToken, UserName};

use crate::auth::token_seal;
use crate::platform::random;
use crate::realm::{SessionId, TokenHash, TokenHashes};

/// The secrets of a session, in clear: they go to their owner and nowhere else.
pub struct TokenPair {
    /// SESSION_ID.
    pub id: SessionId,
    /// SESSION_AUTH_TOKEN.
    pub session: SessionToken,
    /// REFRESH_AUTH_TOKEN.
    pub refresh: RefreshToken,
}

impl TokenPair {
    /// A new pair.
    pub fn generate() -> Self {
        Self {
            id: SessionId(random::session_id()),
            session: crate::auth::session_token(),
            refresh: crate::auth::refresh_token(),
        }
    }

    /// The same as the log may know it.
    pub fn hashes(&self) -> TokenHashes {
        TokenHashes {
            id: self.id,
            token: TokenHash(crate::auth::hash_token(self.session.expose())),
            refresh: TokenHash(crate::auth::hash_token(self.refresh.expose())),
        }
    }

    /// Both tokens as one text, to be sealed.
    fn text(&self) -> String {
        format!("{} {}", self.session.expose(), self.refresh.expose())
    }

    /// The pair, sealed under the refresh token that it replaces.
    pub fn encrypt_for(&self, under: &RefreshToken, user: &UserName) -> Vec<u8> {
        token_seal::encrypt(under, user.as_str(), self.text().as_bytes())
    }

    /// What [`TokenPair::encrypt_for`] made; none: by another token, or for another user.
    pub fn decrypt(
        sealed: &[u8],
        under: &RefreshToken,
        user: &UserName,
        id: SessionId,
    ) -> Option<Self> {
        Self::parse(&token_seal::decrypt(under, user.as_str(), sealed)?, id)
    }

    fn parse(text: &[u8], id: SessionId) -> Option<Self> {
        let (session, refresh) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self { id, session: SessionToken::new(session), refresh: RefreshToken::new(refresh) })
    }
}
