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
