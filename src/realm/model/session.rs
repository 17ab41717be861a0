//! Sessions, their ids and token hashes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::end_reason::EndReason;
use super::ids::{Millis, SessionNo, UserNo};
use super::policy::Policy;

/// SHA-256 of a token: the only form in which tokens are kept.
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
            .map_err(|_| serde::de::Error::custom("not a token hash"))?;
        Ok(Self(bytes))
    }
}

/// SESSION_ID: a capability to end the session, shown to few. A UUID v4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub uuid::Uuid);

/// What bounds the life of a session. Stored as the flag `token_api` of a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum SessionKind {
    /// Ends when it is idle or misses heartbeats.
    #[default]
    Interactive,
    /// Opened over the token API: ends at a fixed time, however much it is used.
    Token,
}

impl SessionKind {
    /// Whether it ends when it is idle.
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
    /// Its number: stable over refreshes.
    pub no: SessionNo,
    /// SESSION_ID, new with every refresh.
    pub id: SessionId,
    /// Whose.
    pub user: UserNo,
    /// From where.
    pub host: Box<str>,
    /// The hash of the token that is the session.
    pub token: TokenHash,
    /// The hash of the token that renews it.
    pub refresh: TokenHash,
    /// LOGIN_TIME.
    pub opened: Millis,
    /// LAST_ACCESS_TIME as far as the log knows; the node knows newer.
    pub accessed: Millis,
    /// Until when the refresh token is valid.
    pub refresh_until: Millis,
    /// What happened under the user's name before the login.
    #[serde(default, skip_serializing_if = "Before::is_nothing")]
    pub before: Before,
    /// Whether a connection was ever bound to it: then its heartbeats are monitored.
    #[serde(default)]
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// When it ends, however much it is used (token API); `None` if it ends when idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "ends")]
    pub fixed_end: Option<Millis>,
    /// Whether a second factor was proved for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[serde(alias = "second")]
    pub factor_verified: bool,
    /// Why it ended, if its refresh token can resume it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dormant: Option<EndReason>,
    /// The pairs before the last refreshes, answered for a moment; the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(alias = "previous")]
    pub grace_pairs: Vec<GracePair>,
}

/// What the login ack tells of the time before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Wrong passwords since the login before: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins refused otherwise: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The login before: LAST_LOGIN_DATETIME.
    pub last_login: Option<Millis>,
}

impl Before {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a refresh replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GracePair {
    /// The old session token still speaks for the session until then.
    pub token: TokenHash,
    /// The old refresh token; until then it is answered with `encrypted`.
    pub refresh: TokenHash,
    /// The new pair, encrypted with the old refresh token.
    #[serde(alias = "sealed")]
    pub encrypted: Vec<u8>,
    /// The end of the grace.
    pub until: Millis,
}

impl Session {
    /// What bounds its life.
    pub fn kind(&self) -> SessionKind {
        if self.fixed_end.is_some() { SessionKind::Token } else { SessionKind::Interactive }
    }

    /// Whether messages may be served for it, as far as the log knows.
    pub fn is_live(&self, at: Millis, policy: &Policy) -> bool {
        self.dormant.is_none() && at < self.timeout_at(policy)
    }

    /// When the sweep may end it: at its fixed time, else idle plus two batches of touches that may
    /// be on their way.
    pub(in crate::realm) fn timeout_at(&self, policy: &Policy) -> Millis {
        let idle = || {
            self.accessed
                .saturating_add(policy.idle_ms)
                .saturating_add(policy.use_report_ms.saturating_mul(2))
        };
        self.fixed_end.unwrap_or_else(idle)
    }

    /// Why it ends once it is due.
    pub fn timeout_reason(&self) -> EndReason {
        if self.fixed_end.is_some() { EndReason::Expired } else { EndReason::Idle }
    }
}
