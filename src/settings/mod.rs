//! Configuration: sections, loading, checks and reference.

mod aliases;
mod default_file;
mod diff;
mod duration;
mod error;
mod load;
pub mod merge;
mod mode;
mod range;
mod reference;
mod reference_page;
mod root;
mod schema;
mod secret;
mod sections;
mod tasks;
mod unknown_keys;
mod validate;

pub use aliases::resolve;
pub use error::SettingsError;
pub use reference::ReferenceRow;
pub use root::{NOTICE_TOPIC, RESET_TOPIC, Settings};
pub use sections::{
    AckField, AckNaming, AddressRange, AuthType, Class, CustomAck, Engine, GuardedGroup,
    GuardedRightsSetting, HashingAlgorithm, HostOrder, HostSettings, LdapConnection, LdapTls,
    LockScopeSetting, LoginAckSettings, LoginErrors, MailTransportKind, Mode, NackNaming, Notify,
    OneTimeTokenVerify, PasswordStrength, PushServices, QrCode, ResetMode, ServerLimits,
    ServerSettings, ServiceListSettings, ServiceSettings, SessionLimitAction, ShutdownClose,
    SmtpTls, SystemDateFormat, TlsSettings, Validation,
};
