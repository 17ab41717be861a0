//! `[security.authentication]`: where passwords are checked (Genesis authentication,
//! "authentication").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ldap::Ldap;
/// Where passwords are checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Authentication {
    /// "INTERNAL": the gateway; "LDAP": a directory; "HYBRID": first the gateway, then a directory,
    /// with the same password.
    #[serde(rename = "type")]
    #[schemars(extend("x-genesis-key" = "type"))]
    pub kind: AuthType,
    /// Users who log in by their local password whatever the type.
    pub internal_users: Vec<String>,
    /// Directories.
    #[schemars(extend("x-genesis-key" = "ldap"))]
    pub ldap: Ldap,
}

/// Where passwords are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "described at the key")]
pub enum AuthType {
    Internal,
    Ldap,
    Hybrid,
}

impl AuthType {
    /// The word on the wire.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Self::Internal => "INTERNAL",
            Self::Ldap => "LDAP",
            Self::Hybrid => "HYBRID",
        }
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            kind: AuthType::Internal,
            internal_users: vec!["admin".to_owned()],
            ldap: Ldap::default(),
        }
    }
}

impl Authentication {
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        if self.kind != AuthType::Internal && self.ldap.connection.is_empty() {
            wrong.push(format!(
                "security.authentication.type is {}: name a directory in \
                 [[security.authentication.ldap.connection]]",
                self.kind.wire_name()
            ));
        }
        self.ldap.check(wrong);
    }
}
