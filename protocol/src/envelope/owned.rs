//! An envelope that owns its data and so outlives its frame.

use std::borrow::Cow;

use serde_json::value::RawValue;
use zeroize::Zeroize;

use super::decoded::Envelope;
use super::source_ref::SourceRef;

/// The fields of an [`Envelope`] as owned text, except MESSAGE_TYPE. Used for queued messages and
/// for messages received over REST.
#[derive(Debug, Default)]
pub struct OwnedEnvelope {
    source_ref: Option<Box<str>>,
    /// SESSION_AUTH_TOKEN: identifies the session; a secret.
    pub session_auth_token: Option<Box<str>>,
    /// USER_NAME at the root.
    pub user_name: Option<Box<str>>,
    /// SESSION_ID at the root or in the HTTP header of this name.
    pub session_id: Option<Box<str>>,
    /// VERBOSE at the root: whether the reply to HEARTBEAT_PING has more fields.
    pub verbose: bool,
    /// VALIDATE: whether to check the message without changing anything.
    pub validate: bool,
    /// REASON: a text for the audit trail.
    pub reason: Option<Box<str>>,
    /// DETAILS as the JSON text of an object.
    pub details: Option<Box<RawValue>>,
}

impl OwnedEnvelope {
    /// SOURCE_REF as JSON text, to be returned in the reply.
    pub fn source_ref(&self) -> Option<&str> {
        self.source_ref.as_deref()
    }

    /// Sets SOURCE_REF.
    pub fn set_source_ref(&mut self, source_ref: SourceRef<'_>) {
        self.source_ref = Some(source_ref.json().into());
    }

    /// An envelope with this MESSAGE_TYPE that borrows these fields.
    pub fn as_envelope<'a>(&'a self, message_type: &'a str) -> Envelope<'a> {
        fn borrowed(text: &Option<Box<str>>) -> Option<Cow<'_, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        Envelope {
            message_type: Cow::Borrowed(message_type),
            source_ref: self.source_ref.as_deref().map(SourceRef::checked_before),
            session_auth_token: borrowed(&self.session_auth_token),
            user_name: borrowed(&self.user_name),
            session_id: borrowed(&self.session_id),
            verbose: self.verbose,
            validate: self.validate,
            reason: borrowed(&self.reason),
            details: self.details.as_deref(),
        }
    }
}

impl Drop for OwnedEnvelope {
    /// Erases what may be secret: the token, and DETAILS, which may contain passwords and codes.
    fn drop(&mut self) {
        self.session_auth_token.zeroize();
        if let Some(details) = self.details.take() {
            Box::<str>::from(details).zeroize();
        }
    }
}

impl From<&Envelope<'_>> for OwnedEnvelope {
    fn from(envelope: &Envelope<'_>) -> Self {
        fn owned(text: &Option<Cow<'_, str>>) -> Option<Box<str>> {
            text.as_deref().map(Into::into)
        }
        Self {
            source_ref: envelope.source_ref.map(|it| it.json().into()),
            session_auth_token: owned(&envelope.session_auth_token),
            user_name: owned(&envelope.user_name),
            session_id: owned(&envelope.session_id),
            verbose: envelope.verbose,
            validate: envelope.validate,
            reason: owned(&envelope.reason),
            details: envelope.details.map(ToOwned::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owned_form_has_every_field() {
        let frame = r#"{"MESSAGE_TYPE":"A","SOURCE_REF":"r\u0041","SESSION_AUTH_TOKEN":"t",
            "USER_NAME":"u","SESSION_ID":"s","VERBOSE":true,"VALIDATE":true,"REASON":"w\u0041",
            "DETAILS":{"X":[1,null]}}"#;
        let envelope = Envelope::decode(frame, 32).unwrap();
        let owned = OwnedEnvelope::from(&envelope);
        assert_eq!(format!("{:?}", owned.as_envelope("A")), format!("{envelope:?}"));
        let empty = OwnedEnvelope::from(&Envelope::default());
        assert_eq!(format!("{:?}", empty.as_envelope("")), format!("{:?}", Envelope::default()));
    }
}
