//! Password resets that users requested themselves.

use serde::{Deserialize, Serialize};

use super::ids::Millis;
use super::session::TokenHash;

/// The newest reset that a user asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfReset {
    /// When it was asked for: the next one has to wait.
    #[serde(alias = "asked")]
    pub requested: Millis,
    /// The tokens of its mail, hashed; more than one if it was mailed again. None: it was used, or
    /// has not left yet.
    pub tokens: Vec<TokenHash>,
    /// Until when they are good.
    pub until: Millis,
    /// The mail that they stand in.
    pub mail: u64,
}
