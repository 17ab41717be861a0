//! Conversion of a REST request into a message: headers, query and body.

use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use protocol::{Envelope, Nack, NackCode, OwnedEnvelope, SourceRef, to_raw_json};
use serde_json::{Map, Value};

use crate::messages::Handler;
use crate::router::Request;

/// A REST request with merged headers, query and body, before a handler is assigned.
pub struct RestRequest {
    /// MESSAGE_TYPE of the body; empty if the body has none.
    message_type: String,
    /// The header SUBSCRIPTION_REF.
    subscription_ref: Option<String>,
    /// The header REFRESH_AUTH_TOKEN, for logins.
    refresh_token: Option<String>,
    /// All other fields of the message.
    pub(super) envelope: OwnedEnvelope,
    /// Size of the body in bytes.
    size: usize,
}

impl RestRequest {
    /// Parses a request. Refuses a field that was sent twice with different values, for example in
    /// a header and in the body.
    pub fn parse(head: &Parts, body: &[u8], depth_max: usize) -> Result<Self, Nack> {
        let body = body_text(body)?;
        let decoded = Envelope::decode(body, depth_max).map_err(|malformed| malformed.nack())?;
        let header = |name: &'static str| header_field(&head.headers, name);
        let mut envelope = OwnedEnvelope::from(&decoded);
        let token = header_token(&head.headers)?;
        for (field, value, sent) in [
            ("SESSION_AUTH_TOKEN", &mut envelope.session_auth_token, token),
            ("USER_NAME", &mut envelope.user_name, header("USER_NAME")?),
            ("SESSION_ID", &mut envelope.session_id, header("SESSION_ID")?),
        ] {
            *value = merge_field(field, sent, value.take())?;
        }
        if let Some(text) = header("SOURCE_REF")? {
            let json = source_ref(&text, decoded.source_ref)?;
            envelope.set_source_ref(SourceRef::parse(&json).map_err(invalid)?);
        }
        let mut request = Self {
            message_type: decoded.message_type.into_owned(),
            subscription_ref: header("SUBSCRIPTION_REF")?.map(String::from),
            refresh_token: header("REFRESH_AUTH_TOKEN")?.map(String::from),
            envelope,
            size: body.len(),
        };
        let query = head.uri.query().unwrap_or_default();
        request.set_details(protocol::rest_paths::details_of_query(query)?)?;
        Ok(request)
    }

    /// Returns SOURCE_REF as JSON text; `None` if it was not sent.
    pub fn source_ref(&self) -> Option<&str> {
        self.envelope.source_ref()
    }

    /// Returns the reference of the subscription as JSON text: SUBSCRIPTION_REF, else SOURCE_REF.
    pub fn subscription(&self) -> Option<String> {
        let named = self.subscription_ref.as_deref().map(|it| Value::from(it).to_string());
        named.or_else(|| self.source_ref().map(str::to_owned))
    }

    /// Sets fields of DETAILS. A field that is also in the body must have the same value there.
    pub fn set_details(&mut self, fields: Vec<(String, String)>) -> Result<(), Nack> {
        if fields.is_empty() {
            return Ok(());
        }
        let mut details = self.details()?;
        for (field, value) in fields {
            match details.get(&field) {
                Some(old) if *old != value => return Err(conflicting_field(&field)),
                _ => details.insert(field, value.into()),
            };
        }
        self.envelope.details = Some(to_raw_json(&details));
        Ok(())
    }

    fn details(&self) -> Result<Map<String, Value>, Nack> {
        let unreadable = |_| invalid("DETAILS must be an object");
        let details = self.envelope.details.as_deref().map(|raw| serde_json::from_str(raw.get()));
        Ok(details.transpose().map_err(unreadable)?.unwrap_or_default())
    }

    /// Sets REFRESH_AUTH_TOKEN of a login to the value of the header, unless DETAILS has a token or
    /// a password.
    fn fill_refresh_token(&mut self) -> Result<(), Nack> {
        let Some(token) = self.refresh_token.take() else { return Ok(()) };
        let mut details = self.details()?;
        let is_sent = |field| details.get(field).is_some_and(|value| !value.is_null());
        if !is_sent("REFRESH_AUTH_TOKEN") && !is_sent("PASSWORD") {
            details.insert("REFRESH_AUTH_TOKEN".to_owned(), token.into());
            self.envelope.details = Some(to_raw_json(&details));
        }
        Ok(())
    }

    /// Assigns a handler. SOURCE_REF is required, and a MESSAGE_TYPE in the body must be the name
    /// or an alias of the handler.
    pub fn into_request(mut self, handler: &'static Handler) -> Result<Request, Nack> {
        if self.source_ref().is_none() {
            let text = "SOURCE_REF is missing; send it as a header or at the root of the body";
            return Err(Nack::new(NackCode::NoSourceRef, text));
        }
        let sent = self.message_type.as_str();
        if !sent.is_empty() && sent != handler.name && !handler.aliases.contains(&sent) {
            return Err(conflicting_field("MESSAGE_TYPE"));
        }
        if handler.login {
            self.fill_refresh_token()?;
        }
        Ok(Request { handler, envelope: self.envelope, size: self.size })
    }

    /// Converts the request into a message about the subscription `source_ref`. The message has no
    /// DETAILS; it has USER_NAME of the request, and the token unless the caller removed the token.
    pub fn on_subscription(
        mut self,
        handler: &'static Handler,
        source_ref: &str,
    ) -> Result<Request, Nack> {
        let mut envelope = OwnedEnvelope::default();
        envelope.session_auth_token = self.envelope.session_auth_token.take();
        envelope.user_name = self.envelope.user_name.take();
        envelope.set_source_ref(SourceRef::parse(source_ref).map_err(invalid)?);
        Ok(Request { handler, envelope, size: self.size })
    }
}

/// Returns the body as text; an empty body counts as an empty object.
pub(super) fn body_text(body: &[u8]) -> Result<&str, Nack> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("the body is not valid UTF-8"))?;
    Ok(if text.trim().is_empty() { "{}" } else { text })
}

fn invalid(text: &'static str) -> Nack {
    Nack::new(NackCode::InvalidMessage, text)
}

fn conflicting_field(field: &str) -> Nack {
    let shown = protocol::printable(field);
    let text = format!("{shown} was sent twice with different values; send it once");
    Nack::new(NackCode::InvalidParameter, text)
}

fn merge_field(
    field: &str,
    a: Option<Box<str>>,
    b: Option<Box<str>>,
) -> Result<Option<Box<str>>, Nack> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(conflicting_field(field)),
        (a, b) => Ok(a.or(b)),
    }
}

/// Returns the value of a field's header. Several headers of one field must have equal values.
fn header_field(headers: &HeaderMap, field: &'static str) -> Result<Option<Box<str>>, Nack> {
    let mut found = None;
    for (name, value) in headers {
        if protocol::rest_paths::field_of_header(name.as_str()) == Some(field) {
            let text = value.to_str().map_err(|_| {
                Nack::new(
                    NackCode::InvalidMessage,
                    format!("the header {field} must be printable ASCII"),
                )
            })?;
            found = merge_field(field, found, Some(text.into()))?;
        }
    }
    Ok(found)
}

/// Returns the value of a header, which may be repeated only with equal values.
pub(super) fn single_header(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<Box<str>>, Nack> {
    headers.get_all(name).iter().try_fold(None, |found, value| {
        let text = value.to_str().map_err(|_| {
            let text = format!("the header {name} must be printable ASCII");
            Nack::new(NackCode::InvalidMessage, text)
        })?;
        merge_field(name, found, Some(text.into()))
    })
}

/// Returns the session token of the headers SESSION_AUTH_TOKEN and Authorization.
pub(super) fn header_token(headers: &HeaderMap) -> Result<Option<Box<str>>, Nack> {
    let sent = header_field(headers, "SESSION_AUTH_TOKEN")?;
    merge_field("SESSION_AUTH_TOKEN", sent, bearer(headers)?)
}

/// Returns the token of `Authorization: Bearer …`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<Box<str>>, Nack> {
    let Some(value) = single_header(headers, "authorization")? else { return Ok(None) };
    let token = value.split_once(' ').and_then(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
    });
    let wrong = || Nack::new(NackCode::InvalidParameter, "Authorization must be Bearer <token>");
    token.map(Some).ok_or_else(wrong)
}

/// Merges the SOURCE_REF of header and body into JSON text. A header value is always text, so the
/// header `1` also matches the number 1 in the body.
fn source_ref(header: &str, body: Option<SourceRef<'_>>) -> Result<String, Nack> {
    let text = Value::from(header).to_string();
    if SourceRef::parse(&text).is_err() {
        return Err(invalid("SOURCE_REF is longer than 256 bytes of JSON text"));
    }
    match body.map(SourceRef::json) {
        Some(body) if body != text && body != header => Err(conflicting_field("SOURCE_REF")),
        Some(body) => Ok(body.to_owned()),
        None => Ok(text),
    }
}
