//! The sections of the configuration, one file for each.
//!
//! The files cite chapters of "Genesis authentication", a document of the Genesis platform.

mod address_range;
mod audit;
mod authentication;
mod browsers;
mod genesis_password;
mod heartbeat;
mod ldap;
mod login_ack;
mod mail;
mod mfa;
mod mode;
mod notices;
mod password_strength;
mod security;
mod self_service_reset;
mod server;
pub mod services;
mod store;
mod templates;
mod tls;

pub use address_range::AddressRange;
pub use audit::AuditSettings;
pub use authentication::AuthType;
pub use genesis_password::{LockScopeSetting, Validation};
pub use heartbeat::HeartbeatSettings;
pub use ldap::{LdapConnection, LdapTls};
pub use login_ack::{AckField, CustomAck, LoginAckSettings};
pub use mail::{MailSettings, MailTransportKind, SmtpTls};
pub use mfa::{HashingAlgorithm, Notify, QrCode};
pub use mode::Mode;
pub use password_strength::{Class, PasswordStrength};
pub use security::{
    GuardedGroup, GuardedRightsSetting, LoginErrors, OneTimeTokenVerify, ResetMode, Security,
    SessionLimitAction,
};
pub use server::{
    AckNaming, NackNaming, ServerLimits, ServerSettings, ShutdownClose, SystemDateFormat,
};
pub use services::{HostOrder, HostSettings, PushServices, ServiceListSettings, ServiceSettings};
pub use store::{Engine, StoreSettings};
pub use templates::Templates;
pub use tls::TlsSettings;
