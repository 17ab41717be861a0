//! The session token and the refresh token of a session.

use protocol::{RefreshToken, SessionToken, UserName};

use crate::auth::token_seal;
use crate::platform::random;
use crate::realm::{SessionId, TokenHash, TokenHashes};

/// The tokens of a session, in the clear. Send them only to the client that logged in.
pub struct TokenPair {
    /// SESSION_ID.
    pub id: SessionId,
    /// SESSION_AUTH_TOKEN.
    pub session: SessionToken,
    /// REFRESH_AUTH_TOKEN.
    pub refresh: RefreshToken,
}

impl TokenPair {
    /// Generates a new pair.
    pub fn generate() -> Self {
        Self {
            id: SessionId(random::session_id()),
            session: crate::auth::session_token(),
            refresh: crate::auth::refresh_token(),
        }
    }

    /// Returns the id and the hashes of the tokens, for a command.
    pub fn hashes(&self) -> TokenHashes {
        TokenHashes {
            id: self.id,
            token: TokenHash(crate::auth::hash_token(self.session.expose())),
            refresh: TokenHash(crate::auth::hash_token(self.refresh.expose())),
        }
    }

    /// Returns both tokens as one text, to be encrypted.
    fn text(&self) -> String {
        format!("{} {}", self.session.expose(), self.refresh.expose())
    }

    /// Encrypts the tokens under the refresh token that the client presented, so that only a repeat
    /// of the same refresh can decrypt them.
    pub fn encrypt_for(&self, under: &RefreshToken, user: &UserName) -> Vec<u8> {
        token_seal::encrypt(under, user.as_str(), self.text().as_bytes())
    }

    /// Decrypts what [`TokenPair::encrypt_for`] returned; `None` if it was encrypted under another
    /// token or for another user.
    pub fn decrypt(
        encrypted: &[u8],
        under: &RefreshToken,
        user: &UserName,
        id: SessionId,
    ) -> Option<Self> {
        Self::parse(&token_seal::decrypt(under, user.as_str(), encrypted)?, id)
    }

    fn parse(text: &[u8], id: SessionId) -> Option<Self> {
        let (session, refresh) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self { id, session: SessionToken::new(session), refresh: RefreshToken::new(refresh) })
    }
}
