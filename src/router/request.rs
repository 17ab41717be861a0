//! A decoded message that waits to be handled.

use protocol::OwnedEnvelope;

use crate::messages::Handler;

/// A decoded message and its handler, not authenticated yet: a session that ends before its turn
/// must count.
pub struct Request {
    /// The handler of its MESSAGE_TYPE.
    pub handler: &'static Handler,
    /// The other fields of its envelope.
    pub envelope: OwnedEnvelope,
    /// Bytes of the frame it came in.
    pub size: usize,
}
