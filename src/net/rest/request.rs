//! What a request says, from headers, query and body, as one envelope.

use hyper::header::{self, HeaderMap};
use hyper::http::request::Parts;
use protocol::{Envelope, Nack, NackCode, SourceRef};
use serde::Serialize;
use serde_json::{Map, Value};
/// A request as an envelope without its MESSAGE_TYPE.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct RestRequest {
    #[serde(skip)]
    message_type: String,
    #[serde(skip)]
    source_ref: String,
    #[serde(skip)]
    subscription_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    verbose: bool,
    validate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Map<String, Value>>,
}

impl RestRequest {
    /// Reads a request. A field that header and body spell differently is refused.
    pub fn parse(head: &Parts, body: &[u8], depth_max: usize) -> Result<Self, Nack> {
        let wrong = |text| Nack::new(NackCode::InvalidMessage, text);
        let body = std::str::from_utf8(body).map_err(|_| wrong("the body is not UTF-8"))?;
        let body = if body.trim().is_empty() { "{}" } else { body };
        let envelope = Envelope::decode(body, depth_max).map_err(|malformed| malformed.nack())?;
        let header = |name: &'static str| header_field(&head.headers, name);
        let bearer = bearer(&head.headers)?;
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let token = merge_field("SESSION_AUTH_TOKEN", header("SESSION_AUTH_TOKEN")?, bearer)?;
        let details = envelope.details.map(|details| serde_json::from_str(details.get()));
        let details: Option<Map<String, Value>> =
            details.transpose().map_err(|_| wrong("DETAILS cannot be read"))?;
        let mut asked = Self {
            message_type: envelope.message_type.into_owned(),
            source_ref: source_ref(header("SOURCE_REF")?, envelope.source_ref)?,
            subscription_ref: header("SUBSCRIPTION_REF")?,
            session_auth_token: merge_field(
                "SESSION_AUTH_TOKEN",
                token,
                owned(&envelope.session_auth_token),
            )?,
            user_name: merge_field("USER_NAME", header("USER_NAME")?, owned(&envelope.user_name))?,
            session_id: merge_field(
                "SESSION_ID",
                header("SESSION_ID")?,
                owned(&envelope.session_id),
            )?,
            verbose: envelope.verbose,
            validate: envelope.validate,
            reason: owned(&envelope.reason),
            details,
        };
        for (field, value) in
            protocol::rest_paths::details_of_query(head.uri.query().unwrap_or(""))?
        {
            asked.set_detail(&field, value)?;
        }
        // A refresh token in a header is the whole of the login that it asks for.
        if let Some(token) = header("REFRESH_AUTH_TOKEN")?.filter(|_| asked.details.is_none()) {
            asked.details = Some(Map::from_iter([("REFRESH_AUTH_TOKEN".to_owned(), token.into())]));
        }
        Ok(asked)
    }

    /// SOURCE_REF as JSON text, if it was sent.
    pub fn source_ref(&self) -> Option<&str> {
        Some(self.source_ref.as_str()).filter(|it| !it.is_empty())
    }

    /// The subscription that is meant: SUBSCRIPTION_REF, else SOURCE_REF; as JSON text.
    pub fn subscription(&self) -> Option<String> {
        let named = self.subscription_ref.as_deref().map(|it| Value::from(it).to_string());
        named.or_else(|| self.source_ref().map(str::to_owned))
    }

    /// Sets a field of DETAILS that stands elsewhere too; both must agree.
    pub fn set_detail(&mut self, field: &str, value: String) -> Result<(), Nack> {
        let details = self.details.get_or_insert_default();
        match details.get(field) {
            Some(old) if *old != value => Err(conflicting_field(field)),
            _ => {
                details.insert(field.to_owned(), value.into());
                Ok(())
            }
        }
    }

    /// The frame that a socket would have sent.
    pub fn to_frame(&self, message_type: &str) -> Result<String, Nack> {
        let source_ref = self.source_ref().ok_or_else(|| {
            let text = "SOURCE_REF is missing: a header, or a field at the root of the body";
            Nack::new(NackCode::NoSourceRef, text)
        })?;
        if !self.message_type.is_empty() && !is_message_name(&self.message_type, message_type) {
            return Err(conflicting_field("MESSAGE_TYPE"));
        }
        Ok(protocol::envelope::encode(message_type, Some(source_ref), self))
    }

    /// The same request as another message on the subscription that is meant.
    pub fn as_message(&self, message_type: &str, source_ref: &str) -> String {
        let bare = Self {
            session_auth_token: self.session_auth_token.clone(),
            user_name: self.user_name.clone(),
            ..Self::default()
        };
        protocol::envelope::encode(message_type, Some(source_ref), &bare)
    }
}

/// Whether a MESSAGE_TYPE in the body is that of the path, or an alias of it.
fn is_message_name(sent: &str, message_type: &str) -> bool {
    let handler = crate::messages::find(sent);
    sent == message_type || handler.is_some_and(|handler| handler.name == message_type)
}

fn conflicting_field(field: &str) -> Nack {
    let shown = protocol::printable(field);
    let text = format!("{shown} is sent twice and differs; send it once");
    Nack::new(NackCode::InvalidParameter, text)
}

fn merge_field(field: &str, a: Option<String>, b: Option<String>) -> Result<Option<String>, Nack> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(conflicting_field(field)),
        (a, b) => Ok(a.or(b)),
    }
}

/// The value of a header that spells a field; two of them must agree.
fn header_field(headers: &HeaderMap, field: &'static str) -> Result<Option<String>, Nack> {
    let mut found = None;
    for (name, value) in headers {
        if protocol::rest_paths::field_of_header(name.as_str()) == Some(field) {
            let text = value.to_str().map_err(|_| {
                Nack::new(NackCode::InvalidMessage, format!("the header {field} is not plain text"))
            })?;
            found = merge_field(field, found, Some(text.to_owned()))?;
        }
    }
    Ok(found)
}

/// `Authorization: Bearer …`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<String>, Nack> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let wrong = || Nack::new(NackCode::InvalidParameter, "Authorization is Bearer <token>");
    token.map(Some).ok_or_else(wrong)
}

/// SOURCE_REF as JSON text; empty if it was not sent. A header is text, so `1` in it is the number
/// 1 of a body, too.
fn source_ref(header: Option<String>, body: Option<SourceRef<'_>>) -> Result<String, Nack> {
    let Some(header) = header else { return Ok(body.map_or("", SourceRef::json).to_owned()) };
    let text = Value::from(header.as_str()).to_string();
    if SourceRef::parse(&text).is_err() {
        let text = "SOURCE_REF is at most 256 bytes";
        return Err(Nack::new(NackCode::InvalidMessage, text));
    }
    match body {
        Some(body) if body.json() != text && body.json() != header => {
            Err(conflicting_field("SOURCE_REF"))
        }
        Some(body) => Ok(body.json().to_owned()),
        None => Ok(text),
    }
}
