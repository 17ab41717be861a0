//! The one-pass encoder of replies and pushed messages.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::error_codes::Nack;

/// The error for a body that cannot be encoded as a JSON object: a defect of the gateway, never an
/// error of the client.
#[derive(Debug)]
pub struct EncodeError(String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body of a reply cannot be encoded: {}", self.0)
    }
}

impl std::error::Error for EncodeError {}

/// Encodes a reply as UTF-8: MESSAGE_TYPE, SOURCE_REF as it was received, then the members of
/// `body`, which must serialise as an object.
pub fn encode(
    message_type: &str,
    source_ref: Option<&str>,
    body: &impl Serialize,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(192);
    encode_into(&mut out, message_type, source_ref, body)?;
    Ok(out)
}

/// Same as [`encode`], but appends the reply to `out`. An error leaves `out` unchanged.
pub fn encode_into(
    out: &mut Vec<u8>,
    message_type: &str,
    source_ref: Option<&str>,
    body: &impl Serialize,
) -> Result<(), EncodeError> {
    let before = out.len();
    write_head(out, message_type, source_ref);
    let start = out.len();
    let written = serde_json::to_writer(&mut *out, body).map_err(|error| error.to_string());
    let is_object = out.get(start) == Some(&b'{');
    let checked = written.and_then(|()| is_object.then_some(()).ok_or("not an object".to_owned()));
    if let Err(why) = checked {
        out.truncate(before);
        return Err(EncodeError(why));
    }
    out[start] = b',';
    if out.len() == start + 2 {
        out.remove(start);
    }
    Ok(())
}

/// Encodes a message. Panics if `members` is not a JSON object, because a message must not be sent
/// without its members.
pub fn encode_value(message_type: &str, source_ref: Option<&str>, members: &Value) -> Vec<u8> {
    expect_encoded(message_type, encode(message_type, source_ref, members))
}

/// Encodes a NACK.
pub fn encode_nack(message_type: &str, source_ref: Option<&str>, nack: &Nack) -> Vec<u8> {
    expect_encoded(message_type, encode(message_type, source_ref, &nack.body()))
}

fn expect_encoded(message_type: &str, encoded: Result<Vec<u8>, EncodeError>) -> Vec<u8> {
    encoded.unwrap_or_else(|error| panic!("{message_type}: {error}"))
}

/// Writes the start of a reply, `{"MESSAGE_TYPE":"X","SOURCE_REF":…`. The caller appends the other
/// members and the closing brace.
pub fn write_head(out: &mut Vec<u8>, message_type: &str, source_ref: Option<&str>) {
    out.extend_from_slice(b"{\"MESSAGE_TYPE\":\"");
    out.extend_from_slice(message_type.as_bytes());
    out.push(b'"');
    if let Some(source_ref) = source_ref {
        out.extend_from_slice(b",\"SOURCE_REF\":");
        out.extend_from_slice(source_ref.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_carry_head_and_body() {
        #[derive(Serialize)]
        struct Body {
            #[serde(rename = "A")]
            a: u8,
        }
        let text =
            |encoded: Result<Vec<u8>, EncodeError>| String::from_utf8(encoded.unwrap()).unwrap();
        assert_eq!(
            text(encode("X_ACK", Some("\"r\""), &Body { a: 1 })),
            r#"{"MESSAGE_TYPE":"X_ACK","SOURCE_REF":"r","A":1}"#
        );
        #[derive(Serialize)]
        struct Empty {}
        assert_eq!(text(encode("X_ACK", None, &Empty {})), r#"{"MESSAGE_TYPE":"X_ACK"}"#);
    }

    #[test]
    fn values_are_encoded_as_structs_are() {
        for members in [serde_json::json!({}), serde_json::json!({ "A": { "B": [1] }, "C": "é" })]
        {
            let encoded = encode("X", Some("1"), &members).unwrap();
            assert_eq!(encode_value("X", Some("1"), &members), encoded);
        }
    }

    #[test]
    fn a_body_that_is_not_an_object_is_an_error_and_writes_nothing() {
        let mut out = b"before".to_vec();
        let no_key = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert!(encode_into(&mut out, "X_ACK", None, &[1]).is_err());
        assert!(encode_into(&mut out, "X_ACK", None, &no_key).is_err());
        assert_eq!(out, b"before");
    }
}
