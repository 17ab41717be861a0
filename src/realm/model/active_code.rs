//! Active codes, which replace mailed links as second factor.

use serde::{Deserialize, Serialize};

use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A code that its user can present instead of the code of a mailed link, until it expires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ActiveCode {
    /// Its number: the ID by which it can be revoked.
    pub no: u64,
    /// The user that it was issued to.
    pub user: UserNo,
    /// The hash of the code.
    pub hash: TokenHash,
    /// When it was issued.
    pub issued: Millis,
    /// When it expires.
    pub until: Millis,
}
