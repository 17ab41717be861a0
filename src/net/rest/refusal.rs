//! Error responses to requests that were refused before they became messages.

use hyper::StatusCode;
use protocol::Nack;

use crate::net::http::{HttpResponse, json};

/// The error of a request that was refused before it became a message: HTTP status and NACK.
pub(super) struct RequestError(pub StatusCode, pub Nack);

impl RequestError {
    /// Creates the error of a malformed request (400).
    pub fn bad_request(nack: Nack) -> Self {
        Self(StatusCode::BAD_REQUEST, nack)
    }
}

pub(super) fn error_response(
    RequestError(status, nack): RequestError,
    source_ref: Option<&str>,
) -> HttpResponse {
    json(status, protocol::envelope::encode_nack("MSG_NACK", source_ref, &nack))
}
