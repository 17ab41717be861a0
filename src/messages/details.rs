//! Decoding of DETAILS into message structs. Errors name the field, but never contain its value.

use protocol::{Nack, NackCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Decodes DETAILS. A null field counts as absent, unless `keeps_nulls` is set. Fields that the
/// message does not have are refused.
pub fn decode<T: DeserializeOwned>(details: Option<&str>, keeps_nulls: bool) -> Result<T, Nack> {
    let details = details.unwrap_or("{}");
    let has_no_nulls = keeps_nulls || !details.contains("null");
    if has_no_nulls && let Ok(message) = serde_json::from_str(details) {
        return Ok(message);
    }
    decode_by_fields(details, keeps_nulls)
}

/// Decodes DETAILS through a map of its fields. This is slower, but it removes nulls and finds the
/// field of an error.
fn decode_by_fields<T: DeserializeOwned>(details: &str, keeps_nulls: bool) -> Result<T, Nack> {
    let wrong = |_| Nack::new(NackCode::InvalidMessage, "DETAILS must be an object");
    let mut fields: Map<String, Value> = serde_json::from_str(details).map_err(wrong)?;
    fields.retain(|_, value| keeps_nulls || !value.is_null());
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        describe_error(&path, &error.inner().to_string())
    })
}

/// Decodes a field that a client clears by sending null: null becomes `Some(None)`. The field needs
/// `#[serde(default)]`, so that an absent field becomes `None`.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Checks that DETAILS of an immediate message has no other fields than these; null fields are
/// ignored. An immediate message is answered as soon as it is read. Most immediate messages have no
/// DETAILS, so DETAILS is not decoded into a struct.
pub fn reject_unknown_fields(details: Option<&str>, fields: &[&str]) -> Result<(), Nack> {
    let Some(details) = details.filter(|details| *details != "{}") else { return Ok(()) };
    let wrong = |_| Nack::new(NackCode::InvalidMessage, "DETAILS must be an object");
    let map: Map<String, Value> = serde_json::from_str(details).map_err(wrong)?;
    let unknown =
        |(name, value): &(&String, &Value)| !value.is_null() && !fields.contains(&name.as_str());
    match map.iter().find(unknown) {
        Some((name, _)) => Err(describe_error(".", &format!("unknown field `{name}`"))),
        None => Ok(()),
    }
}

/// Turns an error of serde into a NACK. The NACK never contains values, which may be secrets.
///
/// serde has no typed errors, and serde_path_to_error adds only the path. The kind of the error is
/// therefore read from its text; a test checks that serde still uses these texts.
fn describe_error(path: &str, error: &str) -> Nack {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    let path_of = |field: &str| match path {
        "." | "" => field.to_owned(),
        _ if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        _ => format!("{path}.{field}"),
    };
    if error.starts_with("missing field") {
        let field = path_of(&quoted(error));
        return Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"))
            .with(serde_json::json!({ "FIELD": field }));
    }
    if error.starts_with("unknown field") {
        let field = path_of(&quoted(error));
        return Nack::new(
            NackCode::UnknownField,
            format!("DETAILS contains the unknown field {field}"),
        )
        .with(serde_json::json!({ "FIELD": field }));
    }
    if error.starts_with("duplicate field") {
        let field = path_of(&quoted(error));
        let text = format!(
            "DETAILS contains {field} twice, under its name and an alias; send only one of them"
        );
        return Nack::new(NackCode::ValidationError, text)
            .with(serde_json::json!({ "FIELD": field }));
    }
    if error.starts_with("unknown variant") {
        let valid = error.split("expected").nth(1).unwrap_or_default().replace('`', "");
        return Nack::new(NackCode::NotSupportedEnumValue, format!("{path} must be{valid}"));
    }
    let what = protocol::expected_by_serde(error).unwrap_or(error);
    Nack::new(NackCode::ValidationError, format!("{path} is not valid: expected {what}"))
        .with(serde_json::json!({ "FIELD": path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
    struct Wanted {
        #[expect(dead_code, reason = "the tests need only its presence")]
        name: String,
        #[serde(default)]
        list: Vec<u8>,
        #[serde(default, rename = "PAIR")]
        _pair: Option<[u8; 2]>,
        #[serde(default, rename = "STATUS")]
        _status: Option<Status>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Status {
        On,
        Off,
    }

    fn refused(details: &str) -> Nack {
        decode::<Wanted>(Some(details), false).unwrap_err()
    }

    #[test]
    fn decoding_by_fields_gives_the_same_result() {
        for details in [
            r#"{"NAME":"a"}"#,
            r#"{"NAME":"null","LIST":[1,2]}"#,
            r#"{"NAME":"a","LIST":null}"#,
            r#"{"NAME":null}"#,
            r#"{"NAME":"a","LIST":[256]}"#,
            r#"{"NAME":"a","LIST":1e1}"#,
            r#"{"NAME":"a","X":1}"#,
        ] {
            for keeps_nulls in [false, true] {
                let text = |decoded: Result<Wanted, Nack>| format!("{decoded:?}");
                let by_fields = decode_by_fields(details, keeps_nulls);
                assert_eq!(text(decode(Some(details), keeps_nulls)), text(by_fields), "{details}");
            }
        }
    }

    #[test]
    fn each_fault_has_its_code_and_names_its_field() {
        assert_eq!(refused("{}").code(), NackCode::MissingField);
        assert_eq!(refused(r#"{"NAME":null}"#).code(), NackCode::MissingField);
        assert_eq!(refused(r#"{"NAME":"a","X":1}"#).code(), NackCode::UnknownField);
        let nack = refused(r#"{"NAME":4711}"#);
        assert_eq!(nack.code(), NackCode::ValidationError);
        assert!(!nack.errors[0].text.contains("4711"), "{:?}", nack.errors);
        assert!(refused(r#"{"NAME":"a","LIST":[1,"x"]}"#).errors[0].text.contains("LIST[1]"));
        assert_eq!(decode::<Wanted>(Some(r#"{"NAME":"a","LIST":[1]}"#), false).unwrap().list, [1]);
        assert!(reject_unknown_fields(Some(r#"{"VERBOSE":true,"X":null}"#), &["VERBOSE"]).is_ok());
        let nack = reject_unknown_fields(Some(r#"{"Y":1}"#), &["VERBOSE"]).unwrap_err();
        assert_eq!(nack.code(), NackCode::UnknownField);
    }

    /// serde does not guarantee the texts that `describe_error` reads. This test fails if an update
    /// of serde changes one of them.
    #[test]
    fn the_error_texts_of_serde_are_unchanged() {
        let nack = refused(r#"{"NAME":"a","STATUS":"SECRET"}"#);
        assert_eq!(nack.code(), NackCode::NotSupportedEnumValue);
        assert_eq!(nack.errors[0].text, "STATUS must be ON or OFF");

        let nack = refused(r#"{"NAME":"a","PAIR":[1]}"#);
        assert_eq!(nack.code(), NackCode::ValidationError);
        assert_eq!(nack.errors[0].text, "PAIR is not valid: expected an array of length 2");
        assert_eq!(nack.errors[0].details, Some(serde_json::json!({ "FIELD": "PAIR" })));
    }

    /// If two fields have the same name, the map of fields keeps only the last one. serde therefore
    /// reports a duplicate only for a field that is sent under its name and under its alias.
    #[test]
    fn a_field_under_two_names_is_refused() {
        #[derive(Debug, serde::Deserialize)]
        struct Aliased {
            #[serde(rename = "CODE", alias = "RIGHT_CODE")]
            _code: String,
        }
        let twice = r#"{"CODE":"secret","RIGHT_CODE":"secret"}"#;
        let nack = decode::<Aliased>(Some(twice), false).unwrap_err();
        assert_eq!(nack.code(), NackCode::ValidationError);
        assert_eq!(
            nack.errors[0].text,
            "DETAILS contains CODE twice, under its name and an alias; send only one of them"
        );
        assert_eq!(nack.errors[0].details, Some(serde_json::json!({ "FIELD": "CODE" })));
    }
}
