//! The short way through an envelope that most frames take: heartbeats, and all that has no
//! DETAILS to look into. What it does not understand at once it leaves to the long way.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::value::RawValue;

use super::{Envelope, SourceRef};

/// DETAILS without fields.
static EMPTY: LazyLock<Box<RawValue>> =
    LazyLock::new(|| serde_json::from_str("{}").unwrap_or_else(|_| RawValue::NULL.to_owned()));

/// Reads a flat envelope: known fields, each once, texts without escapes, whole numbers, DETAILS
/// absent or empty. None: the long way says what it is. Both read the same out of a frame.
pub(super) fn read(frame: &str) -> Option<Envelope<'_>> {
    // With neither in it, a text ends at the next quote.
    let special = |byte: u8| (byte < b' ') | (byte == b'\\');
    if frame.bytes().fold(false, |found, byte| found | special(byte)) {
        return None;
    }
    let mut cursor = Cursor { text: frame, at: 0 };
    let mut envelope = Envelope::default();
    let mut seen: u16 = 0;
    cursor.take(b'{')?;
    loop {
        let field: u16 = if cursor.key("MESSAGE_TYPE\"") {
            envelope.message_type = Cow::Borrowed(cursor.string()?);
            1
        } else if cursor.key("SOURCE_REF\"") {
            envelope.source_ref = Some(cursor.source_ref()?);
            2
        } else if cursor.key("SESSION_AUTH_TOKEN\"") {
            envelope.session_auth_token = Some(Cow::Borrowed(cursor.string()?));
            4
        } else if cursor.key("USER_NAME\"") {
            envelope.user_name = Some(Cow::Borrowed(cursor.string()?));
            8
        } else if cursor.key("DETAILS\"") {
            envelope.details = Some(cursor.nothing()?);
            16
        } else {
            return None;
        };
        if seen & field != 0 {
            return None;
        }
        seen |= field;
        match cursor.next()? {
            b',' => {}
            b'}' if cursor.at == frame.len() => return Some(envelope),
            _ => return None,
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if byte != b' ' {
                return Some(byte);
            }
        }
    }

    /// Passes over this key, which ends with its quote, and the colon behind it, if it is next.
    fn key(&mut self, key: &str) -> bool {
        let start = self.at;
        let found = self.next() == Some(b'"')
            && self.text.as_bytes().get(self.at..).is_some_and(|it| it.starts_with(key.as_bytes()));
        self.at += key.len();
        if found && self.next() == Some(b':') {
            return true;
        }
        self.at = start;
        false
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// A text.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let length = memchr::memchr(b'"', self.text.as_bytes().get(self.at..)?)?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(text)
    }

    /// A text or a whole number, as it stands there.
    fn source_ref(&mut self) -> Option<SourceRef<'a>> {
        let first = self.next()?;
        let start = self.at - 1;
        match first {
            b'"' => {
                self.at = start;
                self.string()?;
            }
            b'1'..=b'9' => {
                let rest = self.text.as_bytes().get(self.at..)?;
                self.at += rest.iter().position(|byte| !byte.is_ascii_digit())?;
                // A fraction or an exponent is for the long way.
                if matches!(self.text.as_bytes().get(self.at), Some(b'.' | b'e' | b'E')) {
                    return None;
                }
            }
            _ => return None,
        }
        SourceRef::parse(self.text.get(start..self.at)?).ok()
    }

    /// `{}`, without anything between.
    fn nothing(&mut self) -> Option<&'a RawValue> {
        self.take(b'{')?;
        self.at -= 1;
        let raw = self.text.get(self.at..self.at + 2).filter(|raw| *raw == "{}")?;
        self.at += raw.len();
        Some(&EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    #[test]
    fn heartbeats_take_the_short_way() {
        for frame in [
            r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":17,"SESSION_AUTH_TOKEN":"abc"}"#,
            "{ \"MESSAGE_TYPE\" : \"EVENT_HEARTBEAT\", \"SOURCE_REF\": \"é\", \"DETAILS\": {} }",
        ] {
            assert!(read(frame).is_some(), "{frame}");
        }
    }

    /// Pieces that make envelopes, almost envelopes, and nonsense.
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
        let end = prop_oneof![8 => Just("}"), 1 => Just("} "), 1 => Just("}x"), 1 => Just(",}"), 1 => Just("")];
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
        fn both_ways_read_the_same(frame in frames()) {
            if let Some(short) = read(&frame) {
                let long = Envelope::decode_long(&frame, 32);
                prop_assert_eq!(format!("{:?}", Ok::<_, super::super::Malformed>(short)), format!("{long:?}"));
            }
        }

        #[test]
        fn nothing_that_comes_in_panics(frame in "([a-zé{}\":, 0-9\\\\]|\"DETAILS\":){0,60}") {
            let _ = read(&frame);
        }
    }
}
