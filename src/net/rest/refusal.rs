//! Refusals of requests that never became a message.

use hyper::StatusCode;
use protocol::Nack;

use crate::net::http::{HttpResponse, json};
/// What never became a message: a real status, and the refusal that says why.
pub(super) struct RequestError(pub StatusCode, pub Nack);

impl RequestError {
    /// A malformed request.
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
