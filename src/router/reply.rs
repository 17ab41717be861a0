//! What the router gives back, and what a connection remembers between two messages.

use std::sync::Arc;

use protocol::NackCode;

use crate::messages::{AfterReply, Handler};
use crate::platform::random;
use crate::sessions::LiveSession;

/// What goes back: a frame, and what it does to the connection.
#[derive(Debug, Default)]
pub struct Reply {
    /// The frame; empty when the answer is the data itself.
    pub frame: String,
    /// The session to which the connection belongs from now on, if that is new.
    pub bind: Option<Arc<LiveSession>>,
    /// What happens once it is written.
    pub after_reply: AfterReply,
    /// The code of the refusal that the frame is.
    pub refused: Option<NackCode>,
}

/// What a look at a frame came to.
pub enum Accepted {
    /// Its answer is written; the session to which the connection belongs from now on, if new.
    Answered(&'static Handler, Option<Arc<LiveSession>>),
    /// It is answered otherwise; the row that refused it, if one did.
    Refused(Option<&'static Handler>, Reply),
    /// It is to be served in its turn.
    Queued,
}

/// What a connection remembers of the token it uses, so that the next message need not hash it.
#[derive(Default)]
pub struct TokenCache {
    /// The token lies here, not elsewhere in memory: every heartbeat compares it.
    token: [u8; random::TOKEN_LENGTH],
    /// None is known before the first.
    token_epoch: Option<u32>,
}

impl TokenCache {
    /// Whether this is the token, and still that of the session.
    pub(super) fn matches(&self, token: &str, epoch: u32) -> bool {
        self.token_epoch == Some(epoch)
            && crate::auth::constant_time_eq(&self.token, token.as_bytes())
    }

    /// Remembers a token; one of another length is looked up every time.
    pub(super) fn store(&mut self, token: &str, epoch: u32) {
        if let Ok(token) = token.as_bytes().try_into() {
            *self = Self { token, token_epoch: Some(epoch) };
        }
    }
}
