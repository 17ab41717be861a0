//! Settings: one TOML file, one struct a section, every default in one place.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults.

use crate::settings::sections::{services, templates};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::key_ring::{KeyError, Keyring};

use crate::settings::load::SettingsError;
use crate::settings::mode::Mode;
use crate::settings::sections::heartbeat::Heartbeat;
use crate::settings::sections::mail::{Mail, Transport};
use crate::settings::sections::security::{ResetMode, Security};
use crate::settings::sections::server::Server;
use crate::settings::sections::services::{Service, ServiceList};
use crate::settings::sections::store::{Engine, Store};
use crate::settings::sections::templates::Templates;

/// The topic of the passwords that an administrator's reset mails.
pub const RESET_TOPIC: &str = "PASSWORD_RESET";

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which defaults hold: "seed", those of the sources, or "hardened", stricter ones. A key that
    /// is written wins over both.
    pub mode: Mode,
    /// Where the gateway listens and how it speaks.
    pub server: Server,
    /// How sessions show that they live.
    pub heartbeat: Heartbeat,
    /// Services that a heartbeat's answer names; none by default.
    pub services: Vec<Service>,
    /// How services are listed, checked and pushed.
    pub service_list: ServiceList,
    /// Where commands and rows are kept.
    pub store: Store,
    /// Sessions and passwords.
    pub security: Security,
    /// What mails may say beside what they are about.
    pub templates: Templates,
    /// How mails leave.
    pub mail: Mail,
}

impl Settings {
    /// Everything that is out of range or contradicts itself, together.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let mut wrong = Vec::new();
        self.server.check(&mut wrong);
        self.heartbeat.check(&mut wrong);
        services::check(&self.services, &mut wrong);
        self.service_list.check(&mut wrong);
        self.store.check(&mut wrong);
        self.security.check(&mut wrong);
        self.mail.check(&mut wrong);
        templates::check(self, &mut wrong);
        self.check_mails(&mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(SettingsError::Invalid(wrong)) }
    }

    /// The keys that secrets of second factors are sealed with; none: they are off.
    pub fn keyring(&self, dir: &Path) -> Result<Option<Keyring>, KeyError> {
        let dir = (self.store.engine != Engine::Memory).then_some(dir);
        self.security.mfa.qr_code.as_ref().map(|it| it.keyring(dir)).transpose()
    }

    /// Whoever is to get a mail must be able to.
    fn check_mails(&self, wrong: &mut Vec<String>) {
        let off = |topic: &str| self.mail.transport_of(topic) == Transport::Off;
        if self.security.reset_mode == ResetMode::Email && off(RESET_TOPIC) {
            wrong
                .push("security.reset_mode is email: mail.transport says how it leaves".to_owned());
        }
        if self.security.mfa.notify.as_ref().is_some_and(|it| off(&it.notify_topic)) {
            wrong.push("security.mfa.notify: mail.transport says how its mails leave".to_owned());
        }
        let Some(reset) = &self.security.genesis_password.self_service_reset else { return };
        let key = "security.genesis_password.self_service_reset";
        if off(&reset.notify_topic) {
            wrong.push(format!("{key}: mail.transport says how its mails leave"));
        }
        if reset.accept_client_url && self.mode == Mode::Hardened && !self.server.is_on_loopback() {
            wrong.push(format!(
                "{key}.accept_client_url lets strangers choose where tokens go; with mode = \
                 \"hardened\" it is false off loopback"
            ));
        }
    }
}
