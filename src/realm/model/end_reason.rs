//! Reasons why a session ended and why a second factor is required.

use serde::{Deserialize, Serialize};

macro_rules! end_reasons {
    ($($variant:ident = $word:literal, $meaning:literal;)*) => {
        /// The reason for the end of a session, as recorded in the command log: REASON of
        /// SESSION_ENDED.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum EndReason {
            $(#[doc = $meaning] $variant,)*
        }

        impl EndReason {
            /// All reasons.
            pub const ALL: &[EndReason] = &[$(EndReason::$variant,)*];

            /// Returns the word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns what happened, for the documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

end_reasons! {
    Idle = "IDLE",
        "The session was not used for SESSION_TIMEOUT_MINS minutes; heartbeats do not count as \
         use.";
    HeartbeatMissed = "HEARTBEAT_MISSED",
        "No message was received on any connection of the session within the allowed number of \
         heartbeat intervals.";
    Logout = "LOGOUT", "The session was ended by EVENT_LOGOUT.";
    Evicted = "EVICTED",
        "The user logged in elsewhere and already had the maximum number of sessions; the oldest \
         session ended.";
    PasswordChanged = "PASSWORD_CHANGED",
        "The password of the user was changed or reset, by the user or by an administrator.";
    Expired = "EXPIRED", "The lifetime of the access token (token API) has passed.";
    Disabled = "DISABLED", "An administrator disabled the user.";
    Deleted = "DELETED", "An administrator deleted the user.";
    Revoked = "REVOKED",
        "An administrator ended the session, or a refresh token was used again after its grace \
         period, which may mean that it was stolen.";
    MaxAge = "MAX_AGE",
        "The login of the session is older than `security.max_session_hours`; a refresh does not \
         extend this time.";
    FactorChanged = "FACTOR_CHANGED",
        "A second factor of the user was confirmed, replaced, enabled or disabled; only the \
         session that did this stays.";
}

impl EndReason {
    /// Whether the refresh token stays valid: the session then becomes dormant and can be resumed.
    pub const fn keeps_refresh(self) -> bool {
        matches!(self, Self::Idle | Self::HeartbeatMissed | Self::Expired)
    }
}

/// The reason why a second factor is required or refused: REASON of MFA_FAILED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MfaReason {
    /// The client sent no second factor.
    Required,
    /// The code is wrong, expired or was used before.
    Invalid,
    /// The user must enrol a second factor first.
    Enrol,
    /// The new secret is missing, or was not confirmed in time.
    Expired,
}

impl MfaReason {
    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Invalid => "INVALID",
            Self::Enrol => "ENROL",
            Self::Expired => "EXPIRED",
        }
    }
}
