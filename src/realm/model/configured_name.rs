//! Names in the configuration on which decisions depend.

use protocol::{ProfileName, UserName};
use serde::{Deserialize, Serialize};

/// A name in the configuration. Stored as a row with the key of the configuration that contains the
/// name, because the names can be too many for one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConfiguredName {
    /// A profile, which can therefore be neither renamed nor deleted.
    Profile(ProfileName),
    /// A user who logs in by the local password, whatever the authentication type.
    LocalUser(UserName),
}

impl ConfiguredName {
    /// Returns the stored form of the name: a letter for its kind, then the name.
    pub(in crate::realm) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Profile(name) => [b"p", name.as_str().as_bytes()].concat(),
            Self::LocalUser(name) => [b"u", name.as_str().to_ascii_lowercase().as_bytes()].concat(),
        }
    }

    /// Decodes the stored form; `None` if the bytes are not a name.
    pub(in crate::realm) fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, name) = bytes.split_first()?;
        let name = std::str::from_utf8(name).ok()?;
        Some(match kind {
            b'p' => Self::Profile(ProfileName::parse(name).ok()?),
            b'u' => Self::LocalUser(UserName::parse(name).ok()?),
            _ => return None,
        })
    }
}
