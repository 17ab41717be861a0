//! The actor of a command, and the hashes of a token pair.

use serde::{Deserialize, Serialize};

use super::ids::SessionNo;
use super::session::{SessionId, TokenHash};

/// The id and the token hashes for a session that is opened or refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHashes {
    /// SESSION_ID.
    pub id: SessionId,
    /// The hash of SESSION_AUTH_TOKEN.
    pub token: TokenHash,
    /// The hash of REFRESH_AUTH_TOKEN.
    pub refresh: TokenHash,
}

/// The sender of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The command line, on the store of a stopped gateway.
    Operator,
    /// A session. The rights of its user are checked when the command is planned.
    Session(SessionNo),
}
