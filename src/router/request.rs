//! A decoded message that waits to be handled.

use protocol::OwnedEnvelope;

use crate::messages::Handler;

/// A decoded message and its handler. The message is authenticated only when it is handled: an
/// earlier queued message may open or end the session.
pub struct Request {
    /// The handler of the message.
    pub handler: &'static Handler,
    /// The fields of the envelope, except MESSAGE_TYPE.
    pub envelope: OwnedEnvelope,
    /// Length of the frame in bytes.
    pub size: usize,
}
