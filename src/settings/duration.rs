//! A duration in the configuration, such as "90s", "15m", "12h" and "30d".

use std::borrow::Cow;

use protocol::duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::realm::Millis;

/// A duration, written as a text in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(Millis);

impl Duration {
    /// Returns a duration of this many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60_000)
    }

    /// Returns the duration in milliseconds.
    pub fn millis(self) -> Millis {
        self.0
    }
}

/// Converts minutes, which may have decimals, to milliseconds; 0 if they are negative or not a
/// number.
pub(super) fn minutes_to_millis(minutes: f64) -> Millis {
    (minutes * 60_000.0).round() as Millis
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            serde::de::Error::custom(
                "a duration must be a whole number with a unit: 90s, 15m, 12h, 30d",
            )
        };
        duration::parse_ms(&text).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration::format_ms(self.0))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_texts_in_the_configuration() {
        let read = |json| serde_json::from_str::<Duration>(json);
        assert_eq!(read(r#""15m""#).unwrap(), Duration::minutes(15));
        assert!(read(r#""15""#).unwrap_err().to_string().contains("90s, 15m, 12h, 30d"));
        assert_eq!(serde_json::to_string(&Duration::minutes(90)).unwrap(), r#""90m""#);
    }
}
