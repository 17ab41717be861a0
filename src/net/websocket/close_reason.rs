//! Reasons for closing a connection, with close codes and retry advice.

use serde_json::{Value, json};

use crate::realm::{EndReason, Millis};

/// Why the gateway closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are those of the protocol's table")]
pub enum CloseReason {
    Session(EndReason),
    Shutdown,
    SlowConsumer,
    RateLimit,
    LoginTimeout,
    /// Binary where text belongs.
    BinaryFrame,
    /// A frame or message beyond the limits.
    TooLarge,
    /// Not UTF-8.
    InvalidUtf8,
    /// The peer is gone: nobody is told.
    PeerGone,
}

impl CloseReason {
    /// REASON, close code and RETRY.
    pub const fn wire(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Session(ended) => {
                let (code, retry) = match ended {
                    EndReason::Idle => (4001, "REFRESH"),
                    EndReason::HeartbeatMissed => (4002, "REFRESH"),
                    EndReason::Logout => (4500, "LOGIN"),
                    EndReason::Evicted => (4501, "LOGIN"),
                    EndReason::PasswordChanged => (4502, "LOGIN"),
                    EndReason::Expired => (4503, "LOGIN"),
                    EndReason::Disabled => (4504, "STOP"),
                    EndReason::Deleted => (4505, "STOP"),
                    EndReason::Revoked => (4506, "STOP"),
                };
                (ended.word(), code, retry)
            }
            Self::Shutdown => ("SHUTDOWN", 4003, "RECONNECT"),
            Self::SlowConsumer => ("SLOW_CONSUMER", 4010, "RECONNECT"),
            Self::RateLimit => ("TOO_FAST", 4511, "STOP"),
            Self::LoginTimeout => ("LOGIN_WAIT", 4012, "RECONNECT"),
            Self::BinaryFrame => ("BAD_FRAME", 1003, "STOP"),
            Self::InvalidUtf8 => ("BAD_FRAME", 1007, "STOP"),
            Self::TooLarge => ("BAD_FRAME", 1009, "STOP"),
            Self::PeerGone => ("GONE", 1001, "RECONNECT"),
        }
    }

    /// DETAILS of SESSION_ENDED. `retry_after_ms` is spread, so that 10,000 GUIs do not come back
    /// in one second.
    pub fn details(self, retry_after_ms: Millis) -> Value {
        let (reason, _, retry) = self.wire();
        let actor = if matches!(self, Self::Session(EndReason::Logout | EndReason::PasswordChanged))
        {
            "USER"
        } else {
            "SERVER"
        };
        let wait = if retry == "STOP" { 0 } else { retry_after_ms };
        let details =
            json!({ "REASON": reason, "BY": actor, "RETRY": retry, "RETRY_AFTER_MS": wait });
        json!({ "DETAILS": details })
    }
}
