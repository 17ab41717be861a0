//! `[server.tls]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// TLS on the port of the gateway; both empty: plain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The file with the certificate and those between it and its authority (PEM); read again when
    /// it changes.
    pub certificate: String,
    /// The file with its private key (PEM), which only its owner may read.
    pub key: String,
}

impl TlsSettings {
    /// Whether the gateway speaks TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.is_empty()
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        if self.certificate.is_empty() != self.key.is_empty() {
            wrong.push("server.tls has both certificate and key, or neither".to_owned());
        }
    }
}
