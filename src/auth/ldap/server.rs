//! LDAP servers: address, transport and search settings.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// The settings of one LDAP server.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapServer {
    /// Host name. With TLS, the certificate of the server must have this name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Search bases for users and groups.
    pub bases: Vec<String>,
    /// Additional search bases for groups.
    pub group_bases: Vec<String>,
    /// Groups, by name or DN; a user must be in one of them. Empty if no group is required.
    pub groups: Vec<String>,
    /// Further groups, by name or DN, whose membership is read but not required.
    pub other_groups: Vec<String>,
    /// Prefix that is added to user names in searches.
    pub prefix: String,
    /// DN and password of the bind before searches; `None` for anonymous searches.
    pub bind: Option<(String, Zeroizing<String>)>,
    /// The attribute that holds the user name.
    pub id_attribute: String,
    /// How the connection is encrypted.
    pub tls: TlsMode,
    /// A PEM file with the CA certificates to trust; `None` means those of the system.
    pub ca_file: Option<PathBuf>,
    /// Longest duration of a login at this server.
    pub timeout: Duration,
    /// Attributes to read from the user's entry.
    pub attributes: Vec<String>,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// It is not encrypted.
    None,
    /// With StartTLS. If the server does not support it, the connection fails before a password is
    /// sent.
    StartTls,
    /// With TLS from the first byte (`ldaps`).
    Always,
}
