//! Results of password checks, made outside of the realm.

use serde::{Deserialize, Serialize};

use super::stable_hash::fnv1a;

/// What the check of a password outside the realm said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The password fits the credential.
    Matched,
    /// It does not.
    Wrong,
    /// It was empty: it fits nothing, but may open a blank reset.
    Blank,
}

/// Names the credential that a password was checked against, without holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a PHC string: it tells versions apart and protects nothing.
    pub fn new(credential: &str) -> Self {
        Self(fnv1a(credential.as_bytes()))
    }
}

/// Where an attempt came from, as locks by address count it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginClient {
    /// An address, or a network whose addresses are one.
    #[serde(alias = "source")]
    pub network: Box<str>,
    /// Whether the user has a session from there, so that strangers elsewhere cannot lock it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub familiar: bool,
}

/// What checked the password of a login. The log keeps it as the two flags that it was before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DirectoryFlags", into = "DirectoryFlags")]
pub enum AuthenticatedBy {
    /// The credential that is kept here.
    #[default]
    Password,
    /// A directory, and nothing else.
    Directory {
        /// Whether the checks of the account still apply.
        checks: AccountChecks,
    },
}

impl AuthenticatedBy {
    /// Whether the checks of the account apply to this login.
    pub fn account_checks(self) -> AccountChecks {
        match self {
            Self::Password => AccountChecks::Enforced,
            Self::Directory { checks } => checks,
        }
    }
}

/// Whether the login gate checks locks, the user's status and the age of the password. Stored as
/// the flag `bypass`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum AccountChecks {
    /// All of them.
    #[default]
    Enforced,
    /// The directory decides about them alone; only a disabled user is refused.
    Bypassed,
}

impl AccountChecks {
    /// Whether all checks apply.
    pub fn are_enforced(&self) -> bool {
        *self == Self::Enforced
    }
}

impl From<bool> for AccountChecks {
    fn from(bypass: bool) -> Self {
        if bypass { Self::Bypassed } else { Self::Enforced }
    }
}

impl From<AccountChecks> for bool {
    fn from(checks: AccountChecks) -> Self {
        checks == AccountChecks::Bypassed
    }
}

/// The stored form of [`AuthenticatedBy`].
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct DirectoryFlags {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    directory: bool,
    #[serde(skip_serializing_if = "AccountChecks::are_enforced")]
    bypass: AccountChecks,
}

impl From<DirectoryFlags> for AuthenticatedBy {
    fn from(flags: DirectoryFlags) -> Self {
        // Only a directory can bypass: a lone `bypass` was never written.
        if flags.directory { Self::Directory { checks: flags.bypass } } else { Self::Password }
    }
}

impl From<AuthenticatedBy> for DirectoryFlags {
    fn from(authenticated_by: AuthenticatedBy) -> Self {
        match authenticated_by {
            AuthenticatedBy::Password => Self::default(),
            AuthenticatedBy::Directory { checks } => Self { directory: true, bypass: checks },
        }
    }
}
