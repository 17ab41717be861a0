//! The reply to a message, and the token that a connection remembers between two messages.

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
    /// The frame, UTF-8; empty if the rows already sent are the reply, or if `ack` has it.
    pub frame: Vec<u8>,
    /// The ack as a value, for clients of the token API.
    pub ack: Option<Value>,
    /// The session to which the connection belongs from now on, if that is new.
    pub bind: Option<Arc<LiveSession>>,
    /// What follows once the frame is written.
    pub after_reply: AfterReply,
    /// The refusal that the frame reports.
    pub refused: Option<Nack>,
    /// The tokens that a login issued.
    pub login: Option<IssuedTokens>,
    /// The token of the message, for the next one of the connection.
    pub token_cache: TokenCache,
}

/// The result of accepting a frame. Small, since a heartbeat's is handed through several calls.
pub enum Accepted {
    /// Answered: the reply is written. The session to which the connection belongs from now on, if
    /// that is new.
    Answered(&'static Handler, Option<Arc<LiveSession>>),
    /// Refused; by this handler, if one was found.
    Refused(Option<&'static Handler>, Box<Reply>),
    /// To be handled after the messages before it.
    Queued(Box<Request>),
}

/// The token that a connection uses, so that the next message need not hash it.
#[derive(Clone, Default)]
pub struct TokenCache {
    /// Stored inline, not elsewhere in memory: every heartbeat compares it.
    token: [u8; TOKEN_LENGTH],
    /// The session of the token, and its token epoch; `None` before the first token.
    holder: Option<(SessionNo, u32)>,
}

/// Never shows the token.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl TokenCache {
    /// Whether this is the token of the session, and still is.
    pub(super) fn matches(&self, token: &str, session: &LiveSession) -> bool {
        self.holder == Some((session.session, session.token_epoch()))
            && constant_time_eq(&self.token, token.as_bytes())
    }

    /// Remembers the token of a session; one of another length is looked up every time.
    pub(super) fn store(&mut self, token: &str, session: &LiveSession) {
        if let Ok(token) = token.as_bytes().try_into() {
            *self = Self { token, holder: Some((session.session, session.token_epoch())) };
        }
    }
}
