//! Refusals of requests that never became a message.

use hyper::StatusCode;
use protocol::Nack;

use crate::net::http::{Answer, json};
/// What never became a message: a real status, and the refusal that says why.
pub(super) struct Refused(pub StatusCode, pub Nack);

impl Refused {
    /// A malformed request.
    pub fn bad(nack: Nack) -> Self {
        Self(StatusCode::BAD_REQUEST, nack)
    }
}

pub(super) fn refusal(Refused(status, nack): Refused, source_ref: Option<&str>) -> Answer {
    json(status, protocol::envelope::encode("MSG_NACK", source_ref, &nack.body()))
}
