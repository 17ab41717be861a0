//! Received frames and the fields that pair them with requests.
//!
//! Only the root fields are decoded, not the whole frame.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An item of a connection's inbox.
#[derive(Debug)]
pub(super) enum InboxItem {
    /// A frame.
    Frame(Frame),
    /// The end of the connection, with the close code if one was received.
    Closed(Option<u16>),
}

/// A received frame, with the fields that pair it with a request.
#[derive(Debug)]
pub(super) struct Frame {
    pub text: String,
    pub message_type: Box<str>,
    /// SOURCE_REF as JSON.
    pub source_ref: Option<Box<str>>,
    /// The code of a refusal.
    pub refused: Option<Box<str>>,
}

/// The root fields that are read from each received frame.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) struct Head<'a> {
    #[serde(borrow, default)]
    pub message_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub source_ref: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub session_auth_token: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub code: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Reads the root fields; all are empty if the text is not an envelope.
    pub fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Returns the code of a refusal; `None` if the frame is not a refusal.
    pub fn refused(&self) -> Option<&str> {
        let nack = self.message_type.ends_with("_NACK");
        nack.then(|| self.code.as_deref().unwrap_or("NACK"))
    }
}
