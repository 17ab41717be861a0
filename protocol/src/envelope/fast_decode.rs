//! The fast decoder for flat envelopes. Most frames are heartbeats, which are flat.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::value::RawValue;

use super::decoded::Envelope;
use super::source_ref::SourceRef;
use crate::json::to_raw_json;

/// The JSON text of empty DETAILS.
static EMPTY: LazyLock<Box<RawValue>> = LazyLock::new(|| to_raw_json(&serde_json::Map::new()));

/// Decodes a flat envelope. It has only the fields MESSAGE_TYPE, SOURCE_REF, SESSION_AUTH_TOKEN,
/// USER_NAME and DETAILS, each at most once. Strings have no escapes, a number is whole and above
/// 0, DETAILS is absent or empty, and white space consists of spaces.
///
/// `None` if the frame is anything else; the general decoder then decodes the frame or reports the
/// error. Both decoders give the same result for a flat envelope.
pub(super) fn read(frame: &str) -> Option<Envelope<'_>> {
    // Without control characters and backslashes, a string ends at the next quote.
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
            envelope.details = Some(cursor.empty_object()?);
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
    /// Consumes spaces and the byte after them, and returns this byte.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if byte != b' ' {
                return Some(byte);
            }
        }
    }

    /// Consumes an opening quote, `key` (which ends with the closing quote) and a colon. If the
    /// text does not continue with these, consumes nothing and returns false.
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

    /// Consumes a string and returns it without its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let length = memchr::memchr(b'"', self.text.as_bytes().get(self.at..)?)?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(text)
    }

    /// Consumes a string or a whole number above 0 and returns its JSON text.
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
                // Fractions, exponents, 0 and negative numbers are left to the general decoder.
                if matches!(self.text.as_bytes().get(self.at), Some(b'.' | b'e' | b'E')) {
                    return None;
                }
            }
            _ => return None,
        }
        SourceRef::parse(self.text.get(start..self.at)?).ok()
    }

    /// Consumes `{}` without anything between the braces.
    fn empty_object(&mut self) -> Option<&'a RawValue> {
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
    fn heartbeats_are_decoded_fast() {
        for frame in [
            r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":17,"SESSION_AUTH_TOKEN":"abc"}"#,
            "{ \"MESSAGE_TYPE\" : \"EVENT_HEARTBEAT\", \"SOURCE_REF\": \"é\", \"DETAILS\": {} }",
        ] {
            assert!(read(frame).is_some(), "{frame}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn no_input_panics(frame in "([a-zé{}\":, 0-9\\\\]|\"DETAILS\":){0,60}") {
            let _ = read(&frame);
        }
    }
}
