//! Results of LDAP requests.

use std::collections::BTreeMap;

/// What a server said; the later says more than the earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapResult {
    /// Nobody has the name, or more than one.
    Unknown,
    /// The password is not this user's.
    Wrong,
    /// It is, but he is in no group that may log in.
    NotInGroup,
    /// The password is this user's.
    Confirmed(DirectoryUser),
}

/// A user of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryUser {
    /// The first value of each attribute that was asked for, by its name as it was asked.
    pub attributes: BTreeMap<String, String>,
    /// Those of the groups that were asked for in which he is, as they were asked.
    pub groups: Vec<String>,
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LdapError {
    #[error("the directory cannot be reached: {0}")]
    Ldap(#[from] ldap3::LdapError),
    #[error("the directory takes too long")]
    Timeout,
    #[error("the directory does not serve the gateway: result code {0}")]
    Refused(u32),
    #[error("the authorities in ca_file cannot be used: {0}")]
    Authorities(String),
}
