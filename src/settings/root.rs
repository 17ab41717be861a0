//! The settings: one struct for each section of the configuration.
//!
//! Environment variables override the file. Command-line options override both. A key that is not
//! set has its default.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sections::{
    AuditSettings, Engine, HeartbeatSettings, MailSettings, Mode, Security, ServerSettings,
    ServiceListSettings, ServiceSettings, StoreSettings, Templates,
};
use crate::auth::{KeyError, Keyring};

/// The topic of mails with a one-time password after a reset by an administrator.
pub const RESET_TOPIC: &str = "PASSWORD_RESET";
/// The topic of mails with a notice about a change of an account.
pub const NOTICE_TOPIC: &str = "NOTICE";

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Defaults of the keys that are not set: "compatible", the values of the Genesis
    /// documentation, unless the meaning of a key says otherwise; "hardened", stricter values for
    /// the keys in the section "Hardened mode" of the configuration reference.
    pub mode: Mode,
    /// Addresses, message formats, TLS and limits of the gateway.
    pub server: ServerSettings,
    /// Heartbeats, with which a client shows that its session is alive.
    pub heartbeat: HeartbeatSettings,
    /// Services that GUIs connect to after the login; empty: no services. The reply to a heartbeat
    /// lists the services.
    pub services: Vec<ServiceSettings>,
    /// Order, health checks and pushes of the service list.
    pub service_list: ServiceListSettings,
    /// The store of rows (users, sessions and so on), of the command log with all changes, and of
    /// the audit trail. The option --data-dir of `tollgate serve` sets its directory.
    pub store: StoreSettings,
    /// Sessions, passwords and second factors.
    pub security: Security,
    /// Variables that mail templates may use.
    pub templates: Templates,
    /// Sending of mails.
    pub mail: MailSettings,
    /// The audit trail.
    pub audit: AuditSettings,
}

impl Settings {
    /// Opens the key ring that encrypts the secrets of second factors; `None` if
    /// `security.mfa.qr_code` is absent.
    pub fn keyring(&self, dir: &Path) -> Result<Option<Keyring>, KeyError> {
        let dir = (self.store.engine != Engine::Memory).then_some(dir);
        self.security.mfa.qr_code.as_ref().map(|it| it.keyring(dir)).transpose()
    }
}
