//! Types of LDAP directories: servers, results and errors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
/// One server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name; with TLS, the name in its certificate.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Entries below which users and groups are searched.
    pub bases: Vec<String>,
    /// Entries below which groups are searched, too.
    pub group_bases: Vec<String>,
    /// Groups, by name or DN, one of which a user must be in; empty: none.
    pub groups: Vec<String>,
    /// Groups, by name or DN, that are asked for beside them.
    pub other_groups: Vec<String>,
    /// Stands in front of user names.
    pub prefix: String,
    /// As whom to search; none: as nobody.
    pub bind: Option<(String, String)>,
    /// The attribute that holds the user name.
    pub id_attribute: String,
    /// How the connection is kept from being read.
    pub tls: Tls,
    /// A file with the authorities to trust (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a login may take here.
    pub timeout: Duration,
    /// Attributes to read.
    pub attributes: Vec<String>,
}

/// How a connection is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// After StartTLS; a server that does not know it is told nothing.
    StartTls,
    /// From its first byte.
    Always,
}

/// What a server said; the later says more than the earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nobody has the name, or more than one.
    Unknown,
    /// The password is not this user's.
    Wrong,
    /// It is, but he is in no group that may log in.
    NotInGroup,
    /// The password is this user's.
    Confirmed(Found),
}

/// A user of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
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
    Silence,
    #[error("the directory does not serve the gateway: result code {0}")]
    Refused(u32),
    #[error("the authorities in ca_file cannot be used: {0}")]
    Authorities(String),
}
