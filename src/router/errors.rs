//! What the router says by itself.

use protocol::{Nack, NackCode};

use crate::platform::random;

/// No message has this name.
pub(super) fn unknown_message_type(message_type: &str) -> Nack {
    if message_type.is_empty() {
        return Nack::new(NackCode::NoMessageType, "MESSAGE_TYPE is missing");
    }
    let shown = protocol::printable(message_type);
    Nack::new(NackCode::UnknownMessageType, format!("no message is called {shown}"))
}

/// A fault of ours: the log and the client share a reference, and nothing else.
pub(super) fn internal_error(message_type: &'static str) -> Nack {
    let reference = random::incident_id();
    tracing::error!(
        message_type,
        reference,
        "a message could not be served: a fault of the gateway"
    );
    Nack::new(
        NackCode::InternalError,
        format!("a fault of the gateway; its log knows it as {reference}"),
    )
}
