//! The reply to a message, and the token that a connection remembers between two messages.

use std::sync::Arc;

use protocol::Nack;
use serde_json::Value;

use super::request::Request;
use crate::auth::constant_time_eq;
use crate::messages::{AfterReply, Handler, IssuedTokens};
use crate::platform::TOKEN_LENGTH;
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
#[derive(Default)]
pub struct TokenCache {
    /// Stored inline, not elsewhere in memory: every heartbeat compares it.
    token: [u8; TOKEN_LENGTH],
    /// `None` before the first token.
    token_epoch: Option<u32>,
}

impl TokenCache {
    /// Whether this is the token, and still that of the session.
    pub(super) fn matches(&self, token: &str, token_epoch: u32) -> bool {
        self.token_epoch == Some(token_epoch) && constant_time_eq(&self.token, token.as_bytes())
    }

    /// Remembers a token; one of another length is looked up every time.
    pub(super) fn store(&mut self, token: &str, token_epoch: u32) {
        if let Ok(token) = token.as_bytes().try_into() {
            *self = Self { token, token_epoch: Some(token_epoch) };
        }
    }
}
