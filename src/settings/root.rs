//! Settings: one TOML file, one struct a section, every default in one place.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sections::{
    Engine, HeartbeatSettings, MailSettings, Mode, Security, ServerSettings, ServiceListSettings,
    ServiceSettings, StoreSettings, Templates,
};
use crate::auth::{KeyError, Keyring};

/// The topic of the passwords that an administrator's reset mails.
pub const RESET_TOPIC: &str = "PASSWORD_RESET";

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which defaults hold: "compatible", those of the Genesis documentation, or "hardened",
    /// stricter ones. A key that is written wins over both.
    pub mode: Mode,
    /// Addresses and forms of messages.
    pub server: ServerSettings,
    /// Heartbeats, by which a session shows that its client is alive.
    pub heartbeat: HeartbeatSettings,
    /// Services that the reply to a heartbeat lists; empty by default.
    pub services: Vec<ServiceSettings>,
    /// How services are listed, checked and pushed.
    pub service_list: ServiceListSettings,
    /// Where commands and rows are kept.
    pub store: StoreSettings,
    /// Sessions and passwords.
    pub security: Security,
    /// Variables that mail templates may use.
    pub templates: Templates,
    /// Transport of mails.
    pub mail: MailSettings,
}

impl Settings {
    /// The keys that encrypt the secrets of second factors; `None` if second factors are off.
    pub fn keyring(&self, dir: &Path) -> Result<Option<Keyring>, KeyError> {
        let dir = (self.store.engine != Engine::Memory).then_some(dir);
        self.security.mfa.qr_code.as_ref().map(|it| it.keyring(dir)).transpose()
    }
}
