//! A decoded frame, and the error for a frame that is no envelope.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::source_ref::SourceRef;
use crate::error_codes::{Nack, NackCode};

/// A decoded frame. All texts borrow from the frame unless they hold escapes; nulls are absent.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// MESSAGE_TYPE, empty when it was absent.
    pub message_type: Cow<'a, str>,
    /// SOURCE_REF, repeated in the reply.
    pub source_ref: Option<SourceRef<'a>>,
    /// SESSION_AUTH_TOKEN: identifies the session; a secret.
    pub session_auth_token: Option<Cow<'a, str>>,
    /// USER_NAME at the root: never trusted, only compared.
    pub user_name: Option<Cow<'a, str>>,
    /// SESSION_ID at the root (or the header of that name).
    pub session_id: Option<Cow<'a, str>>,
    /// VERBOSE at the root.
    pub verbose: bool,
    /// VALIDATE: check everything, change nothing.
    pub validate: bool,
    /// REASON: a text for the audit.
    pub reason: Option<Cow<'a, str>>,
    /// DETAILS as JSON text; an object when present.
    pub details: Option<&'a RawValue>,
}

/// Why a frame is not an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Malformed {
    /// The NACK that answers such a frame.
    pub fn nack(&self) -> Nack {
        Nack::new(NackCode::InvalidMessage, self.0.clone())
    }
}
