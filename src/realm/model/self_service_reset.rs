//! Password resets that users requested themselves.

use serde::{Deserialize, Serialize};

use super::default_value::is_default;
use super::ids::Millis;
use super::session::TokenHash;

/// The newest password reset that a user requested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfReset {
    /// When the reset was requested: the start of the cool-down, in which further requests are
    /// refused.
    #[serde(alias = "asked")]
    pub requested: Millis,
    /// Hashes of the tokens in the newest sent mail; several if the mail was sent more than once.
    /// Empty if a token was used or no mail was sent yet.
    pub tokens: Vec<TokenHash>,
    /// When these tokens expire.
    pub until: Millis,
    /// The number of the mail that contains these tokens.
    pub mail: u64,
    /// The proof epoch of the user when these tokens were issued.
    #[serde(skip_serializing_if = "is_default")]
    pub epoch: u32,
}
