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
    let mut answer = Response::new(Full::new(words.into()));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

/// The HTTP status of a code.
pub(in crate::net) fn status_of(code: NackCode) -> StatusCode {
    let number = code.status().split(' ').next().and_then(|number| number.parse().ok());
    number.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body of JSON.
pub(in crate::net) fn json(status: StatusCode, body: impl Into<Bytes>) -> HttpResponse {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Every answer is about one moment and one user.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
