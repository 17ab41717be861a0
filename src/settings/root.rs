//! The settings: one struct for each section of the configuration.
//!
//! Command-line flags override environment variables, which override the file, which overrides the
//! defaults.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sections::{
    Engine, HeartbeatSettings, MailSettings, Mode, Security, ServerSettings, ServiceListSettings,
    ServiceSettings, StoreSettings, Templates,
};
use crate::auth::{KeyError, Keyring};

/// The topic of mails with a one-time password after a reset by an administrator.
pub const RESET_TOPIC: &str = "PASSWORD_RESET";

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The set of defaults: "compatible", those of the Genesis documentation, or "hardened",
    /// stricter ones. A key that is set overrides its default.
    pub mode: Mode,
    /// Addresses, message formats, TLS and limits of the gateway.
    pub server: ServerSettings,
    /// Heartbeats, with which a client shows that its session is alive.
    pub heartbeat: HeartbeatSettings,
    /// Services that GUIs connect to after the login. The reply to a heartbeat lists them; empty:
    /// no services.
    pub services: Vec<ServiceSettings>,
    /// Order, health checks and pushes of the service list.
    pub service_list: ServiceListSettings,
    /// The store of commands and rows. Its folder is set by the flag --data-dir.
    pub store: StoreSettings,
    /// Sessions, passwords and second factors.
    pub security: Security,
    /// Variables that mail templates may use.
    pub templates: Templates,
    /// Sending of mails.
    pub mail: MailSettings,
}

impl Settings {
    /// Opens the key ring that encrypts the secrets of second factors; `None` if
    /// `security.mfa.qr_code` is absent.
    pub fn keyring(&self, dir: &Path) -> Result<Option<Keyring>, KeyError> {
        let dir = (self.store.engine != Engine::Memory).then_some(dir);
        self.security.mfa.qr_code.as_ref().map(|it| it.keyring(dir)).transpose()
    }
}
