//! The general envelope decoder, for frames that the fast decoder does not accept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decoded::{Envelope, Malformed};
use super::fast_decode;
use super::source_ref::SourceRef;
use super::value_check::{GATEWAY_ERROR, Text, ValueCheck, gateway_error};
use crate::serde_error::expected_by_serde;

/// Maximum number of unknown fields at the root. Unknown fields are ignored, but their keys are
/// kept to find duplicates.
const UNKNOWN_FIELDS_MAX: usize = 64;
/// The name of what the general decoder expects. serde_json repeats this text in its errors.
const EXPECTED: &str = "an envelope";
/// The end of an error text whose position is counted from the beginning of DETAILS.
const OF_DETAILS: &str = " of DETAILS)";

impl<'a> Envelope<'a> {
    /// Decodes one frame. Refuses duplicate keys at any level, nesting deeper than `depth_max`,
    /// invalid escapes, and numbers outside the range of an `f64` (except in SOURCE_REF).
    pub fn decode(frame: &'a str, depth_max: usize) -> Result<Self, Malformed> {
        match fast_decode::read(frame) {
            Some(envelope) => Ok(envelope),
            None => decode_general(frame, depth_max),
        }
    }
}

fn decode_general(frame: &str, depth_max: usize) -> Result<Envelope<'_>, Malformed> {
    let mut json = serde_json::Deserializer::from_str(frame);
    json.deserialize_map(Root { depth_max })
        .and_then(|envelope| json.end().map(|()| envelope))
        .map_err(|error| Malformed(describe_error(&error)))
}

/// The text of a parser error for the client: position and kind, never a value of the frame.
fn describe_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let at = format!("line {} column {}", error.line(), error.column());
    if error.is_data() {
        let text = text.split(" at line").next().unwrap_or_default();
        match text.strip_prefix(GATEWAY_ERROR) {
            Some(text) if text.ends_with(OF_DETAILS) => text.to_owned(),
            Some(text) => format!("{text} ({at})"),
            None if text.ends_with(EXPECTED) => format!("the message is not a JSON object ({at})"),
            None => format!("a field of the envelope has the wrong type ({at})"),
        }
    } else {
        format!("the message is not a valid JSON object ({at})")
    }
}

struct Root {
    depth_max: usize,
}

impl<'de> Visitor<'de> for Root {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        let mut seen: u16 = 0;
        let mut unknown: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            let known = match &*key {
                "MESSAGE_TYPE" => 1,
                "SOURCE_REF" => 2,
                "SESSION_AUTH_TOKEN" => 4,
                "USER_NAME" => 8,
                "SESSION_ID" => 16,
                "VERBOSE" => 32,
                "VALIDATE" => 64,
                "REASON" => 128,
                "DETAILS" => 256,
                _ => 0,
            };
            if known & seen != 0 || (known == 0 && unknown.contains(&key)) {
                return Err(gateway_error("duplicate key in the envelope"));
            }
            seen |= known;
            match known {
                1 => envelope.message_type = text(&mut map, &key)?.unwrap_or_default(),
                2 => envelope.source_ref = source_ref(&mut map)?,
                4 => envelope.session_auth_token = text(&mut map, &key)?,
                8 => envelope.user_name = text(&mut map, &key)?,
                16 => envelope.session_id = text(&mut map, &key)?,
                32 => envelope.verbose = flag(&mut map, &key)?,
                64 => envelope.validate = flag(&mut map, &key)?,
                128 => envelope.reason = text(&mut map, &key)?,
                256 => envelope.details = details(&mut map, self.depth_max)?,
                _ => {
                    if unknown.len() >= UNKNOWN_FIELDS_MAX {
                        return Err(gateway_error(format_args!(
                            "the envelope has more than {UNKNOWN_FIELDS_MAX} unknown fields"
                        )));
                    }
                    unknown.push(key);
                    map.next_value_seed(ValueCheck { levels_left: self.depth_max - 1 })?;
                }
            }
        }
        Ok(envelope)
    }
}

fn text<'de, A: MapAccess<'de>>(
    map: &mut A,
    field: &str,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    let text = map.next_value::<Option<Text<'de>>>().map_err(|error| name_field(field, error))?;
    Ok(text.map(|text| text.0))
}

fn flag<'de, A: MapAccess<'de>>(map: &mut A, field: &str) -> Result<bool, A::Error> {
    let flag = map.next_value::<Option<bool>>().map_err(|error| name_field(field, error))?;
    Ok(flag.unwrap_or_default())
}

/// Replaces the error of an invalid value by one that names the field and what was expected. Other
/// errors stay as they are.
fn name_field<E: Error>(field: &str, error: E) -> E {
    match expected_by_serde(&error.to_string()) {
        Some(expected) => gateway_error(format_args!("{field} must be {expected}")),
        None => error,
    }
}

fn source_ref<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<SourceRef<'de>>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    if raw.get() == "null" {
        return Ok(None);
    }
    SourceRef::from_raw(raw).map(Some).map_err(gateway_error)
}

fn details<'de, A: MapAccess<'de>>(
    map: &mut A,
    depth_max: usize,
) -> Result<Option<&'de RawValue>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    match raw.get() {
        "null" => return Ok(None),
        "{}" => return Ok(Some(raw)),
        _ => {}
    }
    if !raw.get().starts_with('{') {
        return Err(gateway_error("DETAILS must be an object"));
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let check = ValueCheck { levels_left: depth_max.saturating_sub(1) };
    check.deserialize(&mut json).map_err(|error| match describe_error(&error) {
        text if error.is_data() => {
            gateway_error(format_args!("{}{OF_DETAILS}", text.trim_end_matches(')')))
        }
        _ => gateway_error("DETAILS has an invalid escape, an invalid number or too many levels"),
    })?;
    Ok(Some(raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    fn error_of(frame: &str) -> String {
        Envelope::decode(frame, 32).unwrap_err().0
    }

    #[test]
    fn a_login_is_decoded_without_copying() {
        let frame = r#"{"MESSAGE_TYPE":"EVENT_LOGIN_AUTH","SOURCE_REF":7,
            "DETAILS":{"A":[1,{"B":null}]},
            "USER_NAME":null,"ANYTHING":{"x":1},"VALIDATE":true}"#;
        let envelope = Envelope::decode(frame, 32).unwrap();
        assert!(matches!(envelope.message_type, Cow::Borrowed("EVENT_LOGIN_AUTH")));
        assert_eq!(envelope.source_ref.unwrap().json(), "7");
        assert_eq!(envelope.user_name, None);
        assert!(envelope.validate);
        assert_eq!(envelope.details.unwrap().get(), r#"{"A":[1,{"B":null}]}"#);
    }

    #[test]
    fn ambiguous_envelopes_are_refused() {
        assert!(error_of(r#"{"MESSAGE_TYPE":"A","MESSAGE_TYPE":"B"}"#).contains("duplicate"));
        assert!(error_of(r#"{"X":1,"X":1}"#).contains("duplicate"));
        assert!(error_of(r#"{"DETAILS":{"A":{"k":1,"\u006b":2}}}"#).contains("duplicate"));
        assert!(error_of(r#"{"DETAILS":[]}"#).contains("DETAILS must be an object"));
        assert!(error_of(r#"{"DETAILS":{"A":"\ud800"}}"#).contains("DETAILS"));
        assert!(error_of("\u{feff}{}").contains("not a valid JSON object"));
        assert!(error_of("{} {}").contains("not a valid JSON object"));
        assert!(error_of("[]").contains("not a JSON object"));
        assert_eq!(
            error_of(r#"{"DETAILS":{"A":{"k":1,"k":2}}}"#),
            "duplicate key (line 1 column 18 of DETAILS)"
        );
        assert!(error_of(r#"{"SOURCE_REF":{}}"#).contains("SOURCE_REF"));
        assert_eq!(
            error_of(r#"{"SESSION_AUTH_TOKEN":123456}"#),
            "SESSION_AUTH_TOKEN must be a string (line 1 column 29)"
        );
        assert!(error_of(r#"{"VALIDATE":"expected x"}"#).starts_with("VALIDATE must be a boolean"));
    }

    #[test]
    fn depth_is_counted_from_the_root() {
        let nested = |depth: usize| {
            format!("{{\"DETAILS\":{{\"A\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth))
        };
        assert!(Envelope::decode(&nested(30), 32).is_ok());
        assert!(error_of(&nested(31)).contains("too deep"));
        // serde_json may reach its own limit for raw values first; the error text then differs.
        assert!(Envelope::decode(&nested(100_000), 32).is_err());
    }

    /// Valid, nearly valid and invalid envelopes, generated from the same parts.
    fn frames() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            Just("MESSAGE_TYPE"),
            Just("SOURCE_REF"),
            Just("SESSION_AUTH_TOKEN"),
            Just("USER_NAME"),
            Just("DETAILS"),
            Just("VALIDATE"),
            Just("X"),
        ];
        let value = prop_oneof![
            Just("\"A\"".to_owned()),
            Just("{}".to_owned()),
            Just("17".to_owned()),
            Just("017".to_owned()),
            Just("1.5".to_owned()),
            Just("1e9".to_owned()),
            Just("-1".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("\"a\\u0041\"".to_owned()),
            Just("\"é\u{7f}\"".to_owned()),
            Just("{ }".to_owned()),
            Just("{\"A\":1}".to_owned()),
            Just("\"a\tb\"".to_owned()),
            Just("[1]".to_owned()),
            "[0-9]{250,260}",
            "\"[a-z]{250,260}\"",
        ];
        let gap = prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
        let member = (key, gap.clone(), value, gap).prop_map(|(key, before, value, after)| {
            format!("{before}\"{key}\"{after}:{before}{value}{after}")
        });
        let end = prop_oneof![
            8 => Just("}"),
            1 => Just("} "),
            1 => Just("}x"),
            1 => Just(",}"),
            1 => Just(""),
        ];
        (proptest::collection::vec(member, 0..5), end)
            .prop_map(|(members, end)| format!("{{{}{end}", members.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 20_000,
            ..ProptestConfig::with_failure_persistence(
                FileFailurePersistence::WithSource("regressions")
            )
        })]
        #[test]
        fn both_decoders_read_the_same(frame in frames()) {
            if let Some(fast) = fast_decode::read(&frame) {
                let general = decode_general(&frame, 32);
                prop_assert_eq!(format!("{:?}", Ok::<_, Malformed>(fast)), format!("{general:?}"));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn no_input_panics(frame in ".{0,200}") {
            let _ = Envelope::decode(&frame, 32);
        }
    }
}
