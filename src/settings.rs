//! Settings: one TOML file, one struct a section, every default in one place.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults.

mod aliases;
mod difference;
mod document;
mod genesis_password;
mod heartbeat;
mod keys;
mod login_ack;
mod mail;
mod mode;
mod password_strength;
mod secret;
mod security;
mod server;
mod services;
mod source;
mod store;
mod tls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use aliases::resolve as resolve_aliases;
pub use difference::Difference;
pub use document::Entry;
pub use genesis_password::{GenesisPassword, LockScope, Retry, Validation};
pub use heartbeat::Heartbeat;
pub use login_ack::{AckField, CustomAck, LoginAck, Preference};
pub use mail::{Mail, Transport};
pub use mode::Mode;
pub use password_strength::{Class, PasswordStrength};
pub use secret::Secret;
pub use security::{
    LoginErrors, OneTimeTokenVerify, ResetMode, Scrypt, Security, Sso, WhenSessionsAreFull,
};
pub use server::{
    AckNaming, AddressRange, Limits, NackNaming, Server, ShutdownClose, SystemDateFormat,
};
pub use services::{Host, Order, PushServices, Service, ServiceList};
pub use source::{SettingsError, merge};
pub use store::{Engine, Store};
pub use tls::Tls;

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
        if self.security.reset_mode == ResetMode::Email && self.mail.transport == Transport::Off {
            wrong
                .push("security.reset_mode is email: mail.transport says how it leaves".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(SettingsError::Invalid(wrong)) }
    }
}
