//! SOURCE_REF: the reference that a client gives a message, returned in the reply.

use serde::Deserialize;
use serde_json::value::RawValue;

/// SOURCE_REF as received: the JSON text of a string or a number, returned byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRef<'a>(&'a str);

impl<'a> SourceRef<'a> {
    /// Maximum length of a SOURCE_REF, in bytes of JSON text.
    pub const LENGTH_MAX: usize = 256;

    /// The JSON text, including the quotes of a string.
    pub fn json(self) -> &'a str {
        self.0
    }

    /// Checks that `raw`, a JSON value, is a string or a number of at most [`Self::LENGTH_MAX`]
    /// bytes.
    pub fn parse(raw: &'a str) -> Result<Self, &'static str> {
        match raw.as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9') if raw.len() <= Self::LENGTH_MAX => Ok(Self(raw)),
            _ => Err("SOURCE_REF must be a string or a number of at most 256 bytes"),
        }
    }

    /// Wraps text that was checked as a [`SourceRef`] before.
    pub(super) fn checked_before(json: &'a str) -> Self {
        Self(json)
    }

    /// Checks a raw value of a frame. Its escapes are checked, too: serde_json does not decode raw
    /// values, and a lone surrogate returned in the reply would be invalid for the parser of the
    /// client.
    pub(super) fn from_raw(raw: &'a RawValue) -> Result<Self, &'static str> {
        let raw = raw.get();
        if raw.contains('\\') && serde_json::from_str::<String>(raw).is_err() {
            return Err("SOURCE_REF has an invalid escape");
        }
        Self::parse(raw)
    }
}

/// Returns the SOURCE_REF of a frame that is otherwise not a valid envelope, so that the client can
/// match the NACK to its message. `None` if the frame has no valid SOURCE_REF.
pub fn source_ref_of(frame: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(rename = "SOURCE_REF", borrow)]
        source_ref: &'a RawValue,
    }
    let raw = serde_json::from_str::<Named<'_>>(frame).ok()?.source_ref;
    SourceRef::from_raw(raw).ok().map(SourceRef::json)
}
