//! Replies and pushed messages, encoded in one pass.

use serde::Serialize;

/// Encodes a reply: MESSAGE_TYPE, SOURCE_REF as it came, then the members of `body`, which must
/// serialise as an object.
pub fn encode(message_type: &str, source_ref: Option<&str>, body: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(192);
    encode_into(&mut out, message_type, source_ref, body);
    String::from_utf8(out).unwrap_or_default()
}

/// Encodes a reply as [`encode`] does, at the end of `out`.
pub fn encode_into(
    out: &mut Vec<u8>,
    message_type: &str,
    source_ref: Option<&str>,
    body: &impl Serialize,
) {
    write_head(out, message_type, source_ref);
    let start = out.len();
    if serde_json::to_writer(&mut *out, body).is_err() || out.get(start) != Some(&b'{') {
        out.truncate(start);
        out.extend_from_slice(b"{}");
    }
    out[start] = b',';
    if out.len() == start + 2 {
        out.remove(start);
    }
}

/// Writes the beginning of a reply, `{"MESSAGE_TYPE":"X","SOURCE_REF":…`, to which the caller adds
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
        assert_eq!(
            encode("X_ACK", Some("\"r\""), &Body { a: 1 }),
            r#"{"MESSAGE_TYPE":"X_ACK","SOURCE_REF":"r","A":1}"#
        );
        #[derive(Serialize)]
        struct Empty {}
        assert_eq!(encode("X_ACK", None, &Empty {}), r#"{"MESSAGE_TYPE":"X_ACK"}"#);
    }
}
