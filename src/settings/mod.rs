//! Configuration: sections, loading, checks and reference.

mod aliases;
mod diff;
mod duration;
mod error;
mod load;
pub mod merge;
mod mode;
mod reference;
mod root;
mod schema;
mod secret;
mod sections;
mod unknown_keys;
mod validate;

pub use aliases::resolve;
pub use error::SettingsError;
pub use reference::Entry;
pub use root::{RESET_TOPIC, Settings};
pub use sections::{
    AckField, AckNaming, AddressRange, AuthType, Class, Connection, CustomAck, Engine,
    HashingAlgorithm, Host, LdapTls, Limits, LockScope, LoginAck, LoginErrors, Mode, NackNaming,
    Notify, OneTimeTokenVerify, Order, PasswordStrength, PushServices, QrCode, ResetMode, Service,
    ServiceList, ShutdownClose, SmtpTls, SystemDateFormat, Tls, Transport, Validation,
    WhenSessionsAreFull,
};
