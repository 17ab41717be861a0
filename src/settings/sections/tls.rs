//! The section `[server.tls]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS on the port of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM file with the certificate of the gateway and its intermediate certificates; empty: no
    /// TLS, and `key` must be empty, too. A changed file is read within a second, without a reload.
    pub certificate: String,
    /// PEM file with the private key; other users of the host must not be able to read it (mode
    /// 0600). A changed file is read within a second, without a reload.
    pub key: String,
}

impl TlsSettings {
    /// Whether the gateway uses TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.is_empty()
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        if self.certificate.is_empty() != self.key.is_empty() {
            wrong.push("server.tls must have both certificate and key, or neither".to_owned());
        }
    }
}
