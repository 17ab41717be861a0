//! Reasons for closing a connection, with close codes, retry advice and documentation.

use serde_json::{Value, json};

use crate::messages::schema::table;
use crate::realm::{EndReason, Millis};

macro_rules! connection_reasons {
    ($($variant:ident = $word:literal, $code:literal, $retry:ident, $meaning:literal,
       $advice:literal;)*) => {
        /// Why the gateway closes a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CloseReason {
            /// The session of the connection ended.
            Session(EndReason),
            $(#[doc = $meaning] $variant,)*
            /// The peer closed the connection, disappeared or violated RFC 6455; no SESSION_ENDED
            /// is sent.
            PeerGone,
        }

        impl CloseReason {
            /// The documented reasons that do not end the session.
            const OF_CONNECTIONS: &[CloseReason] = &[$(CloseReason::$variant,)*];

            /// Returns what the client gets for this reason, with the documentation.
            const fn wire_reason(self) -> WireReason {
                match self {
                    Self::Session(ended) => of_session(ended),
                    $(Self::$variant => WireReason {
                        word: $word,
                        code: $code,
                        retry: Retry::$retry,
                        meaning: $meaning,
                        advice: $advice,
                    },)*
                    Self::PeerGone => WireReason {
                        word: "GONE",
                        code: 1001,
                        retry: Retry::Reconnect,
                        meaning: "",
                        advice: "",
                    },
                }
            }
        }
    };
}

connection_reasons! {
    Shutdown = "SHUTDOWN", 4003, Reconnect,
        "The gateway stops; the session continues.",
        "Connect again after RETRY_AFTER_MS and continue with SESSION_AUTH_TOKEN; subscribe again.";
    SlowConsumer = "SLOW_CONSUMER", 4010, Reconnect,
        "The client did not read fast enough: a write was blocked for longer than allowed.",
        "Connect again, subscribe again, and read faster or subscribe to fewer rows.";
    RateLimit = "TOO_FAST", 4511, Stop,
        "The client sent more than ten times the allowed messages per second, or too many frames \
         per second before a session was bound.",
        "Do not connect again automatically: this is a defect of the client.";
    LoginTimeout = "LOGIN_WAIT", 4012, Reconnect,
        "No session was bound to the connection within the allowed time.",
        "Connect again when the user logs in; do not keep connections without a session.";
    Exhausted = "UNAVAILABLE", 4013, Reconnect,
        "The connections without a session held too many bytes together, and this one held most.",
        "Connect again after RETRY_AFTER_MS, read all replies, and log in.";
    BinaryFrame = "BAD_FRAME", 1003, Stop,
        "The client sent a binary frame; only text frames are supported.",
        "Do not connect again automatically: this is a defect of the client.";
    InvalidUtf8 = "BAD_FRAME", 1007, Stop,
        "A text frame was not valid UTF-8.",
        "Do not connect again automatically: this is a defect of the client.";
    TooLarge = "BAD_FRAME", 1009, Stop,
        "A frame or message was larger than allowed, or had more than 64 fragments. Before a \
         session is bound, less is allowed.",
        "Do not connect again automatically, and do not send this message again: it exceeds a \
         limit of the gateway. If no session was bound, bind one first, for example with a \
         heartbeat that has the token.";
}

/// What a client gets for a close reason, with the documentation of the reason.
struct WireReason {
    /// Value of REASON.
    word: &'static str,
    /// Close code of the WebSocket.
    code: u16,
    /// Value of RETRY.
    retry: Retry,
    /// What happened.
    meaning: &'static str,
    /// What a GUI should do.
    advice: &'static str,
}

/// RETRY: how a client gets a session again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// Connect again and refresh the session.
    Refresh,
    /// Connect again; the session, if the connection had one, continues.
    Reconnect,
    /// Ask the user to log in.
    Login,
    /// Do not try again automatically.
    Stop,
}

impl Retry {
    const fn word(self) -> &'static str {
        match self {
            Self::Refresh => "REFRESH",
            Self::Reconnect => "RECONNECT",
            Self::Login => "LOGIN",
            Self::Stop => "STOP",
        }
    }
}

const fn of_session(ended: EndReason) -> WireReason {
    let refresh = "Connect again after RETRY_AFTER_MS and send EVENT_LOGIN_AUTH with \
                   REFRESH_AUTH_TOKEN. If this is refused with SESSION_EXPIRED, show the login \
                   dialog; if with another code, do what the code requires.";
    let (code, retry, advice) = match ended {
        EndReason::Idle => (4001, Retry::Refresh, refresh),
        EndReason::HeartbeatMissed => (4002, Retry::Refresh, refresh),
        EndReason::Logout => (4500, Retry::Login, "Show the login dialog."),
        EndReason::Evicted => (
            4501,
            Retry::Login,
            "Show the login dialog and state that the user logged in elsewhere. Do not log in \
             again automatically: two GUIs would evict each other.",
        ),
        EndReason::PasswordChanged => {
            (4502, Retry::Login, "Show the login dialog; delete a stored password.")
        }
        EndReason::Expired => {
            (4503, Retry::Login, "Show the login dialog, or get new tokens with the refresh token.")
        }
        EndReason::Disabled => {
            (4504, Retry::Stop, "State that an administrator must enable the account.")
        }
        EndReason::Deleted => (4505, Retry::Stop, "State that the account no longer exists."),
        EndReason::MaxAge => (4508, Retry::Login, "Show the login dialog."),
        EndReason::FactorChanged => {
            (4509, Retry::Login, "Show the login dialog and state that a second factor changed.")
        }
        EndReason::Revoked => {
            (4506, Retry::Stop, "State that the session was ended; the user may log in again.")
        }
    };
    WireReason { word: ended.word(), code, retry, meaning: ended.meaning(), advice }
}

impl CloseReason {
    /// Returns REASON, close code and RETRY.
    pub const fn wire(self) -> (&'static str, u16, &'static str) {
        let WireReason { word, code, retry, .. } = self.wire_reason();
        (word, code, retry.word())
    }

    /// Returns the table of all reasons that clients get, in Markdown.
    pub fn reference_table() -> String {
        let sessions = EndReason::ALL.iter().map(|ended| (Self::Session(*ended), ended));
        let sessions = sessions.map(|(reason, ended)| {
            let refresh = if ended.keeps_refresh() { "valid" } else { "revoked" };
            (reason, refresh)
        });
        let connections = Self::OF_CONNECTIONS.iter().map(|reason| (*reason, "unchanged"));
        let rows = sessions.chain(connections).map(|(reason, refresh)| {
            let WireReason { word, code, retry, meaning, advice } = reason.wire_reason();
            let cells = [word, &code.to_string(), retry.word(), refresh, meaning, advice];
            cells.map(str::to_owned)
        });
        table(
            ["REASON", "close code", "RETRY", "refresh token", "meaning", "what a GUI does"],
            rows,
        )
    }

    /// Returns the body of SESSION_ENDED. The caller generates `retry_after_ms` at random, so that
    /// 10,000 GUIs do not reconnect within the same second.
    pub fn details(self, retry_after_ms: Millis) -> Value {
        let WireReason { word, retry, .. } = self.wire_reason();
        let actor = if matches!(self, Self::Session(EndReason::Logout | EndReason::PasswordChanged))
        {
            "USER"
        } else {
            "SERVER"
        };
        let wait = if retry == Retry::Stop { 0 } else { retry_after_ms };
        let details =
            json!({ "REASON": word, "BY": actor, "RETRY": retry.word(), "RETRY_AFTER_MS": wait });
        json!({ "DETAILS": details })
    }
}
