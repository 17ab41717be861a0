//! Audit events with field values before and after.

use protocol::to_raw_json;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ids::Millis;
/// One side: fields by record, a JSON object that is finished when the row is made. It is kept,
/// handed on and stored as it is.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct FieldSnapshot(Option<Box<RawValue>>);

impl FieldSnapshot {
    /// The side with these members.
    pub(in crate::realm) fn from_members(members: &Map<String, Value>) -> Self {
        Self((!members.is_empty()).then(|| to_raw_json(members)))
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The object as JSON text; none: no members.
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
    /// When, epoch ms.
    pub at: Millis,
    /// MESSAGE_TYPE, or what the gateway did by itself.
    pub event: Box<str>,
    /// Who; none: the gateway, or the command line.
    #[serde(default, rename = "USER_NAME", skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Box<str>>,
    /// To whom or what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// OK, the code of the refusal, or why a session ended.
    pub code: Box<str>,
    /// REASON of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// Fields as they were, by record.
    #[serde(default, skip_serializing_if = "FieldSnapshot::is_empty")]
    pub before: FieldSnapshot,
    /// Fields as they are.
    #[serde(default, skip_serializing_if = "FieldSnapshot::is_empty")]
    pub after: FieldSnapshot,
}
