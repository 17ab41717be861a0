//! Sessions, their ids and token hashes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::default_value::is_default;
use super::end_reason::EndReason;
use super::ids::{Millis, SessionNo, UserNo};
use super::policy::Policy;

/// SHA-256 of a token. Tokens are stored only in this form, except the encrypted token pairs in
/// [`GracePair`] and in `Command::Refresh`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| serde::de::Error::custom("a token hash must be 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

/// SESSION_ID, a UUID v4. A client with the SESSION_ID and the user name can end the session, so
/// the SESSION_ID is disclosed to few clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub uuid::Uuid);

/// The way in which a session ends without a logout. Stored as the flag `token_api` of a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum SessionKind {
    /// Ends when it is idle or misses heartbeats.
    #[default]
    Interactive,
    /// Opened over the token API: ends at a fixed time, regardless of use.
    Token,
}

impl SessionKind {
    /// Whether a session of this kind ends when it is idle.
    pub fn is_interactive(&self) -> bool {
        *self == Self::Interactive
    }
}

impl From<bool> for SessionKind {
    fn from(token_api: bool) -> Self {
        if token_api { Self::Token } else { Self::Interactive }
    }
}

impl From<SessionKind> for bool {
    fn from(kind: SessionKind) -> Self {
        kind == SessionKind::Token
    }
}

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its number, which a refresh does not change.
    pub no: SessionNo,
    /// SESSION_ID, which every refresh changes.
    pub id: SessionId,
    /// The user of the session.
    pub user: UserNo,
    /// The address of the client.
    pub host: Box<str>,
    /// The hash of the session token.
    pub token: TokenHash,
    /// The hash of the refresh token.
    pub refresh: TokenHash,
    /// LOGIN_TIME.
    pub opened: Millis,
    /// LAST_ACCESS_TIME as last reported to the command log. The gateway may have a newer time that
    /// is not reported yet.
    pub accessed: Millis,
    /// When the refresh token expires.
    pub refresh_until: Millis,
    /// Earlier logins under the user name, as the ACK of the login reports them.
    #[serde(default, skip_serializing_if = "Before::is_nothing")]
    pub before: Before,
    /// Whether a connection was ever bound to the session, so that its heartbeats are monitored.
    #[serde(default)]
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// When the session ends regardless of use (token API); `None` if it ends when it is idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "ends")]
    pub fixed_end: Option<Millis>,
    /// Whether a second factor was proved for the session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[serde(alias = "second")]
    pub factor_verified: bool,
    /// Why the session became dormant, that is, ended with a valid refresh token that can resume
    /// the session. `None` if the session is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dormant: Option<EndReason>,
    /// Token pairs that the last refreshes replaced, the oldest first. Each pair is accepted during
    /// its grace period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(alias = "previous")]
    pub grace_pairs: Vec<GracePair>,
    /// When the session ends whatever its use, also if it is refreshed; `None` without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_end: Option<Millis>,
    /// When the password was proved again for the session; 0 if only at its login.
    #[serde(default, skip_serializing_if = "is_default")]
    pub proved_at: Millis,
    /// When the second factor was last proved for the session; 0 if never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub factor_proved_at: Millis,
}

/// Earlier logins under a user name, as the ACK of a login reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Wrong passwords since the previous login: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins refused for another reason since the previous login: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The time of the previous login: LAST_LOGIN_DATETIME.
    pub last_login: Option<Millis>,
}

impl Before {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A token pair that a refresh replaced, during its grace period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GracePair {
    /// The hash of the replaced session token, which stays valid during the grace period. If the
    /// session was not live before the refresh, the replaced token stays invalid, and this is the
    /// hash of the new session token.
    pub token: TokenHash,
    /// The hash of the replaced refresh token. During the grace period, a refresh with this token
    /// returns the new pair again.
    pub refresh: TokenHash,
    /// The new pair, encrypted with the replaced refresh token; empty if refresh tokens are not
    /// rotated.
    #[serde(alias = "sealed")]
    pub encrypted: Vec<u8>,
    /// When the grace period ends.
    pub until: Millis,
}

impl Session {
    /// Returns what ends the session without a logout.
    pub fn kind(&self) -> SessionKind {
        if self.fixed_end.is_some() { SessionKind::Token } else { SessionKind::Interactive }
    }

    /// Whether the session is live according to the command log, so that its messages are served.
    pub fn is_live(&self, at: Millis, policy: &Policy) -> bool {
        self.dormant.is_none() && at < self.timeout_at(policy)
    }

    /// Returns when a sweep may end the session: at its fixed end, or two report intervals after
    /// the idle time. The intervals are added because newer use may not be in the command log yet.
    pub(in crate::realm) fn timeout_at(&self, policy: &Policy) -> Millis {
        let idle = || {
            self.accessed
                .saturating_add(policy.idle_ms)
                .saturating_add(policy.use_report_ms.saturating_mul(2))
        };
        let end = self.fixed_end.unwrap_or_else(idle);
        self.max_end.map_or(end, |max_end| end.min(max_end))
    }

    /// Whether the session has reached the end that no use and no refresh extends.
    pub(in crate::realm) fn is_too_old(&self, at: Millis) -> bool {
        self.max_end.is_some_and(|max_end| at >= max_end)
    }

    /// Whether the password was proved for the session within the time of the policy.
    pub fn is_recently_proved(&self, at: Millis, policy: &Policy) -> bool {
        at < self.opened.max(self.proved_at).saturating_add(policy.reauthentication_ms)
    }

    /// Whether the second factor was proved for the session within the time of the policy.
    pub fn factor_is_recently_proved(&self, at: Millis, policy: &Policy) -> bool {
        self.factor_proved_at > 0
            && at < self.factor_proved_at.saturating_add(policy.reauthentication_ms)
    }

    /// Returns why the session ends at `timeout_at`.
    pub fn timeout_reason(&self, at: Millis) -> EndReason {
        match self.fixed_end {
            _ if self.is_too_old(at) => EndReason::MaxAge,
            Some(_) => EndReason::Expired,
            None => EndReason::Idle,
        }
    }
}
