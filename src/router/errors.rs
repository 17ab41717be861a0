//! What the router says by itself.

use protocol::{Nack, NackCode};

/// No message has this name.
pub(super) fn unknown_message_type(message_type: &str) -> Nack {
    if message_type.is_empty() {
        return Nack::new(NackCode::NoMessageType, "MESSAGE_TYPE is missing");
    }
    let shown = protocol::printable(message_type);
    Nack::new(NackCode::UnknownMessageType, format!("no message is called {shown}"))
}
