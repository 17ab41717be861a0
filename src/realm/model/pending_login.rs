//! Pending logins, which wait for their second factor.

use serde::{Deserialize, Serialize};

use super::credential_check::{AccountChecks, Fingerprint};
use super::default_value::is_default;
use super::expiring_index::Expiring;
use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A login whose first factor was right and whose second factor is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingLogin {
    /// The user who logs in.
    pub user: UserNo,
    /// When the pending login expires.
    pub until: Millis,
    /// The credential that the first factor was checked against. If the credential changes, the
    /// login cannot be completed.
    pub checked: Option<Fingerprint>,
    /// Whether the login gate (the checks before a session is opened) checks the account when the
    /// login is completed.
    #[serde(rename = "bypass", default, skip_serializing_if = "AccountChecks::are_enforced")]
    pub checks: AccountChecks,
    /// Wrong codes so far.
    #[serde(default)]
    pub wrong: u32,
    /// Whether the user enrolled a second factor during this login. The enrolment counts as the
    /// proof of the factor.
    #[serde(default)]
    #[serde(alias = "proved")]
    pub factor_verified: bool,
    /// Hashes of the codes of the mailed link; several if the mail was sent more than once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<TokenHash>,
    /// When these codes expire.
    #[serde(default)]
    pub codes_until: Millis,
    /// When the newest link was mailed.
    #[serde(default)]
    pub mailed: Millis,
    /// The proof epoch of the user at the issue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub epoch: u32,
    /// The client network on which the login began; empty in rows of the first edition.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub network: Box<str>,
    /// Whether the login began on a WebSocket connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
}

impl Expiring for PendingLogin {
    fn owner(&self) -> UserNo {
        self.user
    }
    fn until(&self) -> Millis {
        self.until
    }
}
