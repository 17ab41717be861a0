//! Audit events with field values before and after.

use protocol::to_raw_json;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ids::Millis;

/// Field values before or after an event, by record, as a JSON object. Encoded once, when the audit
/// row is created.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct FieldSnapshot(Option<Box<RawValue>>);

impl FieldSnapshot {
    /// Encodes the members of the object.
    pub(in crate::realm) fn from_members(members: &Map<String, Value>) -> Self {
        Self((!members.is_empty()).then(|| to_raw_json(members)))
    }

    /// Whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the object as JSON text; `None` if it has no members.
    pub fn json(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }
}

impl PartialEq for FieldSnapshot {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl<'de> Deserialize<'de> for FieldSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(|members| Self::from_members(&members))
    }
}

/// How the sender of a command was authenticated (PROOF).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthProof {
    /// By a password that the gateway stores.
    Password,
    /// By a directory.
    Ldap,
    /// By the provider of a single sign-on.
    Sso,
    /// By a refresh token.
    Refresh,
    /// By a one-time password.
    OneTime,
    /// By a reset: a mailed token, a reset without a password, or the recovery on the command line.
    Recovery,
}

/// The second factor that was used in a command that opened or refreshed a session (FACTOR).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UsedFactor {
    /// No second factor.
    None,
    /// A code of an authenticator app, or the enrolment of the app during the login.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// The code of a mailed link.
    Link,
    /// An active code, which replaces mailed links.
    ActiveCode,
}

impl AuthProof {
    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::Ldap => "LDAP",
            Self::Sso => "SSO",
            Self::Refresh => "REFRESH",
            Self::OneTime => "ONE_TIME",
            Self::Recovery => "RECOVERY",
        }
    }
}

impl UsedFactor {
    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Totp => "TOTP",
            Self::RecoveryCode => "RECOVERY_CODE",
            Self::Link => "LINK",
            Self::ActiveCode => "ACTIVE_CODE",
        }
    }
}

/// One row of the audit trail (AUDIT_EVENTS).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct AuditEvent {
    /// Time of the event, in epoch milliseconds.
    pub at: Millis,
    /// MESSAGE_TYPE, or the name of an action of the gateway or the command line.
    pub event: Box<str>,
    /// The user who acted; `None` if the gateway or the command line acted, or if it is not known
    /// which user acted.
    #[serde(default, rename = "USER_NAME", skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Box<str>>,
    /// The name of the user or record that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    /// The address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// OK, the code of the NACK, or why a session ended.
    pub code: Box<str>,
    /// How the sender was authenticated, if the command opened, resumed or refreshed a session, or
    /// set a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<AuthProof>,
    /// The second factor that was used, if the command opened, resumed or refreshed a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<UsedFactor>,
    /// REASON of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// Changed fields before the event, by record.
    #[serde(default, skip_serializing_if = "FieldSnapshot::is_empty")]
    pub before: FieldSnapshot,
    /// Changed fields after the event, by record.
    #[serde(default, skip_serializing_if = "FieldSnapshot::is_empty")]
    pub after: FieldSnapshot,
}

impl AuditEvent {
    /// Creates the row of an accepted event of an unknown user and client.
    pub(in crate::realm) fn new(at: Millis, event: &str) -> Self {
        Self {
            at,
            event: event.into(),
            user_name: None,
            target: None,
            host: None,
            code: "OK".into(),
            proof: None,
            factor: None,
            reason: None,
            before: FieldSnapshot::default(),
            after: FieldSnapshot::default(),
        }
    }
}
