//! Active codes: a second factor that replaces the mailed link at each login.

use serde::{Deserialize, Serialize};

use super::default_value::is_default;
use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A code that a user can present at logins instead of the code of a mailed link.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ActiveCode {
    /// The number of the code: the ID by which the code can be revoked.
    pub no: u64,
    /// The user to which the code was issued.
    pub user: UserNo,
    /// The hash of the code.
    pub hash: TokenHash,
    /// When it was issued.
    pub issued: Millis,
    /// When it expires.
    pub until: Millis,
    /// The proof epoch of the user at the issue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub epoch: u32,
}
