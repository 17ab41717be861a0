//! The envelope: one JSON object a frame, decoded without copying and encoded in one pass.

mod flat;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::nack::{Nack, NackCode};

/// SOURCE_REF as it was sent: the JSON text of a string or a number, echoed to the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRef<'a>(&'a str);

impl<'a> SourceRef<'a> {
    /// The longest SOURCE_REF that is taken, in bytes of JSON text.
    pub const LENGTH_MAX: usize = 256;

    /// The JSON text, quotes included.
    pub fn json(self) -> &'a str {
        self.0
    }

    /// Checks that `raw` is a string or a number of bearable length.
    pub fn parse(raw: &'a str) -> Result<Self, &'static str> {
        match raw.as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9') if raw.len() <= Self::LENGTH_MAX => Ok(Self(raw)),
            _ => Err("SOURCE_REF is a string or a number of at most 256 bytes"),
        }
    }
}

/// A decoded frame. All texts borrow from the frame unless they hold escapes; nulls are absent.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// MESSAGE_TYPE, empty when it was absent.
    pub message_type: Cow<'a, str>,
    /// SOURCE_REF, to be echoed.
    pub source_ref: Option<SourceRef<'a>>,
    /// SESSION_AUTH_TOKEN: who speaks; a secret.
    pub session_auth_token: Option<Cow<'a, str>>,
    /// USER_NAME at the root: never trusted, only compared.
    pub user_name: Option<Cow<'a, str>>,
    /// SESSION_ID at the root (or the header of that name).
    pub session_id: Option<Cow<'a, str>>,
    /// VERBOSE at the root.
    pub verbose: bool,
    /// VALIDATE: check everything, change nothing.
    pub validate: bool,
    /// REASON: words for the audit.
    pub reason: Option<Cow<'a, str>>,
    /// DETAILS as JSON text; an object when present.
    pub details: Option<&'a RawValue>,
}

/// Why a frame is not an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Malformed {
    /// The refusal that answers such a frame.
    pub fn nack(&self) -> Nack {
        Nack::new(NackCode::InvalidMessage, self.0.clone())
    }
}

impl<'a> Envelope<'a> {
    /// Decodes one frame. Refuses duplicate keys at any level, nesting deeper than `depth_max`,
    /// bad escapes and numbers that no double can hold.
    pub fn decode(frame: &'a str, depth_max: usize) -> Result<Self, Malformed> {
        match flat::read(frame) {
            Some(envelope) => Ok(envelope),
            None => Self::decode_long(frame, depth_max),
        }
    }

    fn decode_long(frame: &'a str, depth_max: usize) -> Result<Self, Malformed> {
        let mut json = serde_json::Deserializer::from_str(frame);
        let envelope = json
            .deserialize_map(Root { depth_max })
            .and_then(|envelope| json.end().map(|()| envelope))
            .map_err(|error| Malformed(explain(&error)))?;
        Ok(envelope)
    }
}

/// SOURCE_REF of a frame that is no envelope for another reason, so that its refusal finds home.
pub fn source_ref_of(frame: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(rename = "SOURCE_REF", borrow)]
        source_ref: &'a RawValue,
    }
    let raw = serde_json::from_str::<Named<'_>>(frame).ok()?.source_ref.get();
    if raw.contains('\\') {
        serde_json::from_str::<Text<'_>>(raw).ok()?;
    }
    SourceRef::parse(raw).ok().map(SourceRef::json)
}

/// What a parser error may say to the outside: the place and the kind, never a value.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let at = format!("line {} column {}", error.line(), error.column());
    if error.is_data() {
        let ours = text.split(" at line").next().unwrap_or_default();
        match ours.strip_prefix(OURS) {
            Some(ours) => format!("{ours} ({at})"),
            None => format!("a field of the envelope has the wrong type ({at})"),
        }
    } else {
        format!("the frame is not a JSON object ({at})")
    }
}

/// Marks the errors whose words are ours and hold nothing that was sent.
const OURS: &str = "envelope: ";

fn ours<E: Error>(text: impl fmt::Display) -> E {
    E::custom(format_args!("{OURS}{text}"))
}

struct Root {
    depth_max: usize,
}

impl<'de> Visitor<'de> for Root {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        let mut seen: u16 = 0;
        let mut others: Vec<Cow<'de, str>> = Vec::new();
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
            if known & seen != 0 || (known == 0 && others.contains(&key)) {
                return Err(ours("a key of the envelope stands there twice"));
            }
            seen |= known;
            match known {
                1 => envelope.message_type = text(&mut map)?.unwrap_or_default(),
                2 => envelope.source_ref = source_ref(&mut map)?,
                4 => envelope.session_auth_token = text(&mut map)?,
                8 => envelope.user_name = text(&mut map)?,
                16 => envelope.session_id = text(&mut map)?,
                32 => envelope.verbose = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                64 => envelope.validate = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                128 => envelope.reason = text(&mut map)?,
                256 => envelope.details = details(&mut map, self.depth_max)?,
                _ => {
                    if others.len() >= OTHERS_MAX {
                        return Err(ours("the envelope has too many unknown fields"));
                    }
                    others.push(key);
                    map.next_value_seed(Walk { left: self.depth_max - 1 })?;
                }
            }
        }
        Ok(envelope)
    }
}

/// Unknown root fields are ignored, but not without end.
const OTHERS_MAX: usize = 64;

/// A string, borrowed where it can be.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Borrow).map(Text)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(map.next_value::<Option<Text<'de>>>()?.map(|text| text.0))
}

fn source_ref<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<SourceRef<'de>>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    if raw.get() == "null" {
        return Ok(None);
    }
    if raw.get().contains('\\') {
        // Raw text is not looked into: a lone surrogate would be echoed to another parser.
        serde_json::from_str::<Text<'_>>(raw.get())
            .map_err(|_| ours("SOURCE_REF has a bad escape"))?;
    }
    SourceRef::parse(raw.get()).map(Some).map_err(ours)
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
        return Err(ours("DETAILS is an object"));
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let walk = Walk { left: depth_max.saturating_sub(1) };
    walk.deserialize(&mut json).map_err(|error| match explain(&error) {
        text if error.is_data() => ours(format_args!("in DETAILS: {text}")),
        _ => ours("DETAILS cannot be read"),
    })?;
    Ok(Some(raw))
}

/// Walks through a value without keeping it: duplicate keys, depth, strings and numbers are
/// checked.
#[derive(Clone, Copy)]
struct Walk {
    left: usize,
}

impl Walk {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(ours("the message is nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            keys.push(key);
            map.next_value_seed(inner)?;
        }
        keys.sort_unstable();
        match keys.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(ours("a key stands there twice")),
            false => Ok(()),
        }
    }
}

/// Encodes a reply: MESSAGE_TYPE, SOURCE_REF as it came, then the members of `body`, which must
/// serialise as an object.
pub fn encode(message_type: &str, source_ref: Option<&str>, body: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(192);
    encode_into(&mut out, message_type, source_ref, body);
    String::from_utf8(out).unwrap_or_default()
}

/// The same, at the end of what is there already.
pub fn encode_into(
    out: &mut Vec<u8>,
    message_type: &str,
    source_ref: Option<&str>,
    body: &impl Serialize,
) {
    head(out, message_type, source_ref);
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

/// The beginning of every reply, `{"MESSAGE_TYPE":"X","SOURCE_REF":…`, to which members are added.
pub fn head(out: &mut Vec<u8>, message_type: &str, source_ref: Option<&str>) {
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
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    fn refused(frame: &str) -> String {
        Envelope::decode(frame, 32).unwrap_err().0
    }

    #[test]
    fn a_login_is_decoded_without_copying() {
        let frame = r#"{"MESSAGE_TYPE":"EVENT_LOGIN_AUTH","SOURCE_REF":7,"DETAILS":{"A":[1,{"B":null}]},
            "USER_NAME":null,"ANYTHING":{"x":1},"VALIDATE":true}"#;
        let envelope = Envelope::decode(frame, 32).unwrap();
        assert!(matches!(envelope.message_type, Cow::Borrowed("EVENT_LOGIN_AUTH")));
        assert_eq!(envelope.source_ref.unwrap().json(), "7");
        assert_eq!(envelope.user_name, None);
        assert!(envelope.validate);
        assert_eq!(envelope.details.unwrap().get(), r#"{"A":[1,{"B":null}]}"#);
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        assert!(refused(r#"{"MESSAGE_TYPE":"A","MESSAGE_TYPE":"B"}"#).contains("twice"));
        assert!(refused(r#"{"X":1,"X":1}"#).contains("twice"));
        assert!(refused(r#"{"DETAILS":{"A":{"k":1,"\u006b":2}}}"#).contains("twice"));
        assert!(refused(r#"{"DETAILS":[]}"#).contains("DETAILS is an object"));
        assert!(refused(r#"{"DETAILS":{"A":"\ud800"}}"#).contains("DETAILS"));
        assert!(refused("\u{feff}{}").contains("not a JSON object"));
        assert!(refused("{} {}").contains("not a JSON object"));
        assert!(refused(r#"{"SOURCE_REF":{}}"#).contains("SOURCE_REF"));
        assert!(refused(r#"{"SESSION_AUTH_TOKEN":123456}"#).contains("wrong type"));
        assert!(!refused(r#"{"SESSION_AUTH_TOKEN":123456}"#).contains("123456"));
    }

    #[test]
    fn depth_is_counted_from_the_root() {
        let nested = |depth: usize| {
            format!("{{\"DETAILS\":{{\"A\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth))
        };
        assert!(Envelope::decode(&nested(30), 32).is_ok());
        assert!(refused(&nested(31)).contains("too deep"));
        assert!(
            refused(&nested(100_000)).contains("deep") || !refused(&nested(100_000)).is_empty()
        );
    }

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

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn nothing_that_comes_in_panics(frame in ".{0,200}") {
            let _ = Envelope::decode(&frame, 32);
        }
    }
}
