//! A length of time as people write it: "90s", "15m", "12h", "30d".

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::realm::state::Millis;

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(Millis);

/// Units; `ms` comes before what it ends with.
const UNITS: [(&str, Millis); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl Duration {
    /// Minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60_000)
    }

    /// Milliseconds.
    pub fn millis(self) -> Millis {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, length) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(*length).map(Self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom("a number with a unit is expected: 90s, 15m, 12h, 30d");
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |(_, length): &&(&str, Millis)| self.0.is_multiple_of(*length) && self.0 > 0;
        let (unit, length) =
            UNITS.iter().filter(fits).max_by_key(|(_, length)| length).unwrap_or(&("ms", 1));
        serializer.serialize_str(&format!("{}{unit}", self.0 / length))
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
    fn lengths_are_read_and_written_as_people_do() {
        for (text, millis) in
            [("15m", 900_000), ("30d", 2_592_000_000), ("5ms", 5), ("90 s", 90_000)]
        {
            assert_eq!(Duration::parse(text).unwrap().millis(), millis, "{text}");
        }
        for wrong in ["", "15", "m", "-1m", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
        assert_eq!(serde_json::to_string(&Duration::minutes(90)).unwrap(), r#""90m""#);
        assert_eq!(serde_json::to_string(&Duration::minutes(2_880)).unwrap(), r#""2d""#);
    }
}
