//! Results of password checks, and facts about a login that the handler determines.

use serde::{Deserialize, Serialize};

use super::stable_hash::fnv1a;

/// The result of a password check, which is made outside of the realm because hashing is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The password matches the credential.
    Matched,
    /// The password does not match the credential.
    Wrong,
    /// The password was empty. An empty password never matches. After a reset that set no one-time
    /// password, an empty password permits the password change.
    Blank,
}

/// An identifier of the credential or TOTP secret that a password or code was checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Returns the fingerprint of a credential. The fingerprint is not a cryptographic hash: it
    /// only detects that the credential changed.
    pub fn new(credential: &str) -> Self {
        Self(fnv1a(credential.as_bytes()))
    }
}

/// The properties of a client on which locks depend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginClient {
    /// The client network: an IPv4 address or an IPv6 /64.
    #[serde(alias = "source")]
    pub network: Box<str>,
    /// Whether the user had a session from this network: only in entries of earlier versions, whose
    /// daily limit did not apply to such a client. [`LoginPlace`](super::LoginPlace) replaces it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub familiar: bool,
}

/// The authority that checked the password of a login. Stored in the command log as two flags, so
/// that logs of earlier versions can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DirectoryFlags", into = "DirectoryFlags")]
pub enum AuthenticatedBy {
    /// The gateway, with the stored credential. With the authentication type HYBRID, a directory
    /// checked the password, too.
    #[default]
    Password,
    /// Only a directory.
    Directory {
        /// Whether the login gate checks the account, too.
        checks: AccountChecks,
    },
}

impl AuthenticatedBy {
    /// Returns whether the login gate checks the account.
    pub fn account_checks(self) -> AccountChecks {
        match self {
            Self::Password => AccountChecks::Enforced,
            Self::Directory { checks } => checks,
        }
    }
}

/// Whether the login gate (the checks before a session is opened or resumed) checks locks, the
/// user's status and the age of the password. Stored as the flag `bypass`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum AccountChecks {
    /// The login gate makes all three checks.
    #[default]
    Enforced,
    /// The directory makes all three checks instead; the login gate refuses only disabled users.
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
        // `bypass` was never written without `directory`: only a directory can bypass the checks.
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
