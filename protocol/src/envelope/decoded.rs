//! The decoded envelope, and the error for a frame that is not an envelope.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::source_ref::SourceRef;
use crate::error_codes::{Nack, NackCode};

/// A decoded frame. Strings borrow from the frame unless they contain escapes. A null field counts
/// as absent.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// MESSAGE_TYPE; empty if absent.
    pub message_type: Cow<'a, str>,
    /// SOURCE_REF, returned in the reply.
    pub source_ref: Option<SourceRef<'a>>,
    /// SESSION_AUTH_TOKEN: identifies the session; a secret.
    pub session_auth_token: Option<Cow<'a, str>>,
    /// USER_NAME at the root. If a session sends the message, USER_NAME must be the user of the
    /// session, except in a login. EVENT_LOGOUT and EVENT_CHANGE_USER_PASSWORD use this field, for
    /// any user, if DETAILS has no USER_NAME.
    pub user_name: Option<Cow<'a, str>>,
    /// SESSION_ID at the root or in the HTTP header of this name.
    pub session_id: Option<Cow<'a, str>>,
    /// VERBOSE at the root: whether the reply to HEARTBEAT_PING has more fields.
    pub verbose: bool,
    /// VALIDATE: whether to check the message without changing anything.
    pub validate: bool,
    /// REASON: a text for the audit trail.
    pub reason: Option<Cow<'a, str>>,
    /// DETAILS as the JSON text of an object.
    pub details: Option<&'a RawValue>,
}

/// The reason why a frame is not an envelope, as text for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Malformed {
    /// Returns the NACK for the frame.
    pub fn nack(&self) -> Nack {
        Nack::new(NackCode::InvalidMessage, self.0.clone())
    }
}
