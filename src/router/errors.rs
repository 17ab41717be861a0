//! NACKs that the router creates without a handler.

use protocol::{Nack, NackCode};

/// Returns the NACK for a MESSAGE_TYPE that is missing or has no handler.
pub(super) fn unknown_message_type(message_type: &str) -> Nack {
    if message_type.is_empty() {
        return Nack::new(NackCode::NoMessageType, "MESSAGE_TYPE is missing");
    }
    let shown = protocol::printable(message_type);
    Nack::new(NackCode::UnknownMessageType, format!("MESSAGE_TYPE {shown} is unknown"))
}
