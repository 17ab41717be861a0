//! The section `[security.authentication]` (Genesis authentication, "authentication").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ldap::Ldap;

/// The system that checks passwords: the gateway, a directory, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Authentication {
    /// System that checks the password of a login: "INTERNAL", the gateway; "LDAP", a directory;
    /// "HYBRID", both, and the password must be right in both. "LDAP" and "HYBRID" require at least
    /// one `ldap.connection`.
    #[serde(rename = "type")]
    #[schemars(extend("x-genesis-key" = "type"))]
    pub kind: AuthType,
    /// Names of users whose password only the gateway checks, regardless of `type`; empty: no
    /// users. These users can log in while no directory is reachable.
    pub internal_users: Vec<String>,
    /// LDAP directories.
    #[schemars(extend("x-genesis-key" = "ldap"))]
    pub ldap: Ldap,
}

/// The system that checks the password of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum AuthType {
    Internal,
    Ldap,
    Hybrid,
}

impl AuthType {
    /// Returns the word in the configuration and on the wire.
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
                "security.authentication.type {} requires at least one \
                 [[security.authentication.ldap.connection]]",
                self.kind.wire_name()
            ));
        }
        self.ldap.check(wrong);
    }
}
