//! A frame as it came: what is known of it without taking it apart.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a connection has received.
#[derive(Debug)]
pub(super) enum InboxItem {
    /// A frame.
    Frame(Frame),
    /// The end.
    Closed(Option<u16>),
}

/// A frame, and how it is paired.
#[derive(Debug)]
pub(super) struct Frame {
    pub text: String,
    pub message_type: Box<str>,
    /// As JSON.
    pub source_ref: Option<Box<str>>,
    /// The code of a refusal.
    pub refused: Option<Box<str>>,
}

/// The fields at the root that pairing looks at.
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
    /// What is no envelope has an empty head.
    pub fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The code of a refusal; none: it is none.
    pub fn refused(&self) -> Option<&str> {
        let nack = self.message_type.ends_with("_NACK");
        nack.then(|| self.code.as_deref().unwrap_or("NACK"))
    }
}
