//! HTTP responses: JSON and plain text with their headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use protocol::NackCode;

use crate::gateway::ConnectionRefused;

/// A response whose body is in memory.
pub type HttpResponse = Response<Full<Bytes>>;

/// Returns a plain text response.
pub fn text_response(status: StatusCode, text: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Adds the header that keeps browsers from guessing another type of content.
pub fn with_nosniff(mut response: HttpResponse) -> HttpResponse {
    let value = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, value);
    response
}

/// Returns the plain text response to a method that the path does not support. `allow` lists the
/// supported methods.
pub fn method_not_allowed(allow: &'static str, text: &'static str) -> HttpResponse {
    let mut response = text_response(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Returns the HTTP status of a refused connection.
pub(in crate::net) fn refused_status(why: ConnectionRefused) -> StatusCode {
    match why {
        ConnectionRefused::GatewayFull => StatusCode::SERVICE_UNAVAILABLE,
        ConnectionRefused::AddressFull => StatusCode::TOO_MANY_REQUESTS,
    }
}

/// Returns the HTTP status of a NACK code.
pub(in crate::net) fn http_status(code: NackCode) -> StatusCode {
    let number = code.status().split(' ').next().and_then(|number| number.parse().ok());
    number.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Returns a JSON response.
pub(in crate::net) fn json(status: StatusCode, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Responses depend on the time and the user: caches must not store them.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
