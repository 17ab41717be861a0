//! Logins that wait for their second factor.

use serde::{Deserialize, Serialize};

use super::credential_check::{AccountChecks, Fingerprint};
use super::expiring_index::Expiring;
use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A login that waits for its second factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingLogin {
    /// Whose.
    pub user: UserNo,
    /// Until when it can be finished.
    pub until: Millis,
    /// The credential that the first factor was checked against: another one ends it.
    pub checked: Option<Fingerprint>,
    /// Whether the checks of the account apply when it is finished.
    #[serde(rename = "bypass", default, skip_serializing_if = "AccountChecks::are_enforced")]
    pub checks: AccountChecks,
    /// Wrong codes so far.
    #[serde(default)]
    pub wrong: u32,
    /// The second factor was proved meanwhile, by enrolling.
    #[serde(default)]
    #[serde(alias = "proved")]
    pub factor_verified: bool,
    /// The codes of the link that was mailed for it, hashed; more than one if it was mailed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<TokenHash>,
    /// Until when they are good.
    #[serde(default)]
    pub codes_until: Millis,
    /// When the newest link was mailed.
    #[serde(default)]
    pub mailed: Millis,
}

impl Expiring for PendingLogin {
    fn owner(&self) -> UserNo {
        self.user
    }
    fn until(&self) -> Millis {
        self.until
    }
}
