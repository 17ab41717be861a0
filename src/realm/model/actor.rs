//! The actor of a command, and the hashes of a token pair.

use serde::{Deserialize, Serialize};

use super::ids::SessionNo;
use super::session::{SessionId, TokenHash};

/// The tokens of a session to open, hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHashes {
    /// SESSION_ID.
    pub id: SessionId,
    /// The hash of SESSION_AUTH_TOKEN.
    pub token: TokenHash,
    /// The hash of REFRESH_AUTH_TOKEN.
    pub refresh: TokenHash,
}

/// Who commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The command line, on a stopped store.
    Operator,
    /// A session: its user's rights are looked up at commit.
    Session(SessionNo),
}
