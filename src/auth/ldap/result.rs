//! Results and errors of LDAP logins.

use std::collections::BTreeMap;

/// The result of a login at one server. Later variants mean that more checks passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapResult {
    /// No entry has the name, or more than one.
    Unknown,
    /// The password is wrong, or the server refused the user for another reason.
    Wrong,
    /// The password is correct, but the user is in no group that may log in.
    NotInGroup,
    /// The password is correct, and the user may log in.
    Confirmed(DirectoryUser),
}

/// A user of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryUser {
    /// The first value of each configured attribute. The keys are the configured names.
    pub attributes: BTreeMap<String, String>,
    /// The configured groups that contain the user, spelled as configured.
    pub groups: Vec<String>,
}

/// Why a request to a server failed.
#[derive(Debug, thiserror::Error)]
pub enum LdapError {
    #[error("LDAP connection or protocol error: {0}")]
    Ldap(#[from] ldap3::LdapError),
    #[error("the LDAP server did not answer in time")]
    Timeout,
    #[error(
        "the LDAP server refused a request of the gateway: result code {0} (49 means a wrong \
         bind_dn or bind_password)"
    )]
    Refused(u32),
    #[error("the certificates in ca_file cannot be used: {0}")]
    Authorities(String),
}
