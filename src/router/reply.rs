//! The reply to a message, and the token cache of a connection.

use std::fmt;
use std::sync::Arc;

use protocol::Nack;
use serde_json::Value;

use super::request::Request;
use crate::auth::{TOKEN_LENGTH, constant_time_eq};
use crate::messages::{AfterReply, Handler, IssuedTokens};
use crate::realm::SessionNo;
use crate::sessions::LiveSession;

/// A reply and its effects on the connection.
#[derive(Debug, Default)]
pub struct Reply {
    /// The frame, UTF-8. Empty if `ack` is set; not sent if `after_reply` is
    /// [`AfterReply::NoReply`].
    pub frame: Vec<u8>,
    /// The ack as a value, for clients of the token API.
    pub ack: Option<Value>,
    /// The session to bind the connection to; `None` if the binding of the connection does not
    /// change.
    pub bind: Option<Arc<LiveSession>>,
    /// What the connection does after the frame is written.
    pub after_reply: AfterReply,
    /// The refusal, if the frame is a NACK.
    pub refused: Option<Nack>,
    /// The tokens, if a login or refresh issued them.
    pub login: Option<IssuedTokens>,
    /// The token cache, for the next message of the connection.
    pub token_cache: TokenCache,
}

/// The result of accepting a frame. Large values are boxed, because each heartbeat returns this
/// type through several calls.
pub enum Accepted {
    /// Answered: the ack is in the output buffer. The session to bind the connection to; `None` if
    /// the binding of the connection does not change.
    Answered(&'static Handler, Option<Arc<LiveSession>>),
    /// Refused. The handler of the message, if one was found.
    Refused(Option<&'static Handler>, Box<Reply>),
    /// Not answered yet: the request must be handled after earlier messages of the connection.
    Queued(Box<Request>),
}

/// The session token that a connection last used for the session to which it is bound. A message
/// with the same token is authenticated without hashing the token.
#[derive(Clone, Default)]
pub struct TokenCache {
    /// Stored inline because every heartbeat compares the token: a pointer would cost a cache miss.
    token: [u8; TOKEN_LENGTH],
    /// The session of the token, and the token epoch of the session: a number that changes whenever
    /// the tokens of the session change. `None` before the first token.
    holder: Option<(SessionNo, u32)>,
}

/// Omits the token.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl TokenCache {
    /// Whether this token is cached for this session and has not been rotated since it was cached.
    pub(super) fn matches(&self, token: &str, session: &LiveSession) -> bool {
        self.holder == Some((session.session, session.token_epoch()))
            && constant_time_eq(&self.token, token.as_bytes())
    }

    /// Stores the token of a session. A token whose length is not `TOKEN_LENGTH` is not cached.
    pub(super) fn store(&mut self, token: &str, session: &LiveSession) {
        if let Ok(token) = token.as_bytes().try_into() {
            *self = Self { token, holder: Some((session.session, session.token_epoch())) };
        }
    }
}
