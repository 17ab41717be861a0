//! What the router gives back, and what a connection remembers between two messages.

use std::sync::Arc;

use protocol::NackCode;

use crate::call::Effect;
use crate::presence::Presence;

/// What goes back: a frame, and what it does to the connection.
#[derive(Debug, Default)]
pub struct Reply {
    /// The frame; empty when the answer is the data itself.
    pub frame: String,
    /// The session to which the connection belongs from now on, if that is new.
    pub bind: Option<Arc<Presence>>,
    /// What happens once it is written.
    pub effect: Effect,
    /// The code of the refusal that the frame is.
    pub refused: Option<NackCode>,
}

/// What a look at a frame came to.
pub enum Looked {
    /// It is answered.
    Answered(Reply),
    /// It is to be served in its turn.
    InTurn,
}

/// What a connection remembers of the token it uses, so that the next message need not hash it.
#[derive(Debug, Default)]
pub struct KnownToken {
    pub(super) token: Box<str>,
    pub(super) epoch: u32,
}
