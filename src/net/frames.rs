//! Frames: how large they may be, and which fault of them is whose.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::link::CloseReason;
use crate::settings::Settings;

/// The configuration of the frames: small buffers, finite limits.
pub fn config(settings: &Settings) -> WebSocketConfig {
    let limits = &settings.server.limits;
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(limits.outbox_bytes * 2 + limits.message_bytes + WRITE_BYTES)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.frame_bytes))
}

/// What an idle socket holds to read into.
const READ_BYTES: usize = 2 * 1024;
/// Replies of one read leave in one write up to this size.
const WRITE_BYTES: usize = 16 * 1024;
/// Why a connection ends after an error of its socket.
pub fn fault(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooLarge,
        Error::Utf8(_) => CloseReason::NotText,
        _ => CloseReason::Gone,
    }
}
