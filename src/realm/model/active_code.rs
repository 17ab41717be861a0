//! Codes that stand in for a second factor on a known client.

use serde::{Deserialize, Serialize};

use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A code that stands for the second factor of a user.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ActiveCode {
    /// Its number: the ID by which it is revoked.
    pub no: u64,
    /// Whose.
    pub user: UserNo,
    /// The hash of the code.
    pub hash: TokenHash,
    /// Since when.
    pub issued: Millis,
    /// Until when.
    pub until: Millis,
}
