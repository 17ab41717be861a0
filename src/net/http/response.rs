//! HTTP responses: JSON and plain text with their headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use protocol::NackCode;
/// An answer, whole.
pub type HttpResponse = Response<Full<Bytes>>;

/// A short answer in words.
pub fn text_response(status: StatusCode, words: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(words.into()));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// The HTTP status of a code.
pub(in crate::net) fn http_status(code: NackCode) -> StatusCode {
    let number = code.status().split(' ').next().and_then(|number| number.parse().ok());
    number.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body of JSON.
pub(in crate::net) fn json(status: StatusCode, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Every answer is about one moment and one user.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
