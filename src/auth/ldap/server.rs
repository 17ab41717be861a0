//! LDAP servers: address, transport and search settings.

use std::path::PathBuf;
use std::time::Duration;
/// One server.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapServer {
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
    pub tls: TlsMode,
    /// A file with the authorities to trust (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a login may take here.
    pub timeout: Duration,
    /// Attributes to read.
    pub attributes: Vec<String>,
}

/// How a connection is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all.
    None,
    /// After StartTLS; a server that does not know it is told nothing.
    StartTls,
    /// From its first byte.
    Always,
}
