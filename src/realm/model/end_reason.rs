//! Reasons for the end of a session and for a demanded second factor.

use serde::{Deserialize, Serialize};
/// REASON of SESSION_ENDED, as far as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words are those of the protocol's table")]
pub enum EndReason {
    Idle,
    HeartbeatMissed,
    Logout,
    Evicted,
    PasswordChanged,
    Expired,
    Disabled,
    Deleted,
    Revoked,
}

impl EndReason {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::HeartbeatMissed => "HEARTBEAT_MISSED",
            Self::Logout => "LOGOUT",
            Self::Evicted => "EVICTED",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::Expired => "EXPIRED",
            Self::Disabled => "DISABLED",
            Self::Deleted => "DELETED",
            Self::Revoked => "REVOKED",
        }
    }

    /// Whether the refresh token lives on, so that the session is only dormant.
    pub const fn keeps_refresh(self) -> bool {
        matches!(self, Self::Idle | Self::HeartbeatMissed | Self::Expired)
    }
}

/// What is missing of a second factor: REASON of MFA_FAILED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MfaReason {
    /// None was given.
    Required,
    /// It is wrong, used or over.
    Invalid,
    /// The user has to create one.
    Enrol,
    /// The secret was not confirmed in time.
    Expired,
}

impl MfaReason {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Invalid => "INVALID",
            Self::Enrol => "ENROL",
            Self::Expired => "EXPIRED",
        }
    }
}
