//! SOURCE_REF: the client's reference of a message, repeated in its reply.

use serde::Deserialize;
use serde_json::value::RawValue;

/// SOURCE_REF as it was sent: the JSON text of a string or a number, repeated byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRef<'a>(&'a str);

impl<'a> SourceRef<'a> {
    /// The longest SOURCE_REF that is accepted, in bytes of JSON text.
    pub const LENGTH_MAX: usize = 256;

    /// The JSON text, quotes included.
    pub fn json(self) -> &'a str {
        self.0
    }

    /// Checks that `raw` is a string or a number of at most [`Self::LENGTH_MAX`] bytes.
    pub fn parse(raw: &'a str) -> Result<Self, &'static str> {
        match raw.as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9') if raw.len() <= Self::LENGTH_MAX => Ok(Self(raw)),
            _ => Err("SOURCE_REF is a string or a number of at most 256 bytes"),
        }
    }

    /// The same for a text that was a [`SourceRef`] before.
    pub(super) fn checked_before(json: &'a str) -> Self {
        Self(json)
    }

    /// The same for a value out of a frame, whose escapes are not checked yet: serde_json does not
    /// decode raw text, and a lone surrogate would be repeated to another parser.
    pub(super) fn from_raw(raw: &'a RawValue) -> Result<Self, &'static str> {
        let raw = raw.get();
        if raw.contains('\\') && serde_json::from_str::<String>(raw).is_err() {
            return Err("SOURCE_REF has a bad escape");
        }
        Self::parse(raw)
    }
}

/// SOURCE_REF of a frame that is no envelope for another reason, so that its NACK can be matched.
pub fn source_ref_of(frame: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(rename = "SOURCE_REF", borrow)]
        source_ref: &'a RawValue,
    }
    let raw = serde_json::from_str::<Named<'_>>(frame).ok()?.source_ref;
    SourceRef::from_raw(raw).ok().map(SourceRef::json)
}
