//! Request queue: the messages of a connection that are handled in order.

use std::collections::VecDeque;

use crate::router::Request;
use crate::settings::ServerLimits;

/// A queue of messages that wait while another message is handled, bounded by count and bytes.
pub(super) struct RequestQueue {
    requests: VecDeque<Box<Request>>,
    bytes: usize,
    /// Size of the removed message that is being handled.
    bytes_handled: usize,
    requests_max: u32,
    bytes_max: u32,
}

impl RequestQueue {
    /// Creates an empty queue with the limits for connections without a session. The queue is full
    /// when it reaches one of the limits.
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let limit = |it| u32::try_from(it).unwrap_or(u32::MAX);
        let requests_max = limit(limits.queued_messages_per_connection);
        let bytes_max = limit(limits.message_bytes.min(limits.unauthenticated_message_bytes));
        Self { requests: VecDeque::new(), bytes: 0, bytes_handled: 0, requests_max, bytes_max }
    }

    /// Sets the limit of bytes.
    pub(super) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
    }

    /// Whether another message may be read. This message may then exceed the limit of bytes.
    pub(super) fn has_capacity(&self) -> bool {
        self.requests.len() < self.requests_max as usize && self.bytes < self.bytes_max as usize
    }

    /// Whether no message waits.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a message at the end.
    pub(super) fn push(&mut self, request: Box<Request>) {
        self.bytes += request.size;
        self.requests.push_back(request);
    }

    /// Removes and returns the first message.
    pub(super) fn pop(&mut self) -> Option<Box<Request>> {
        let request = self.requests.pop_front()?;
        self.bytes -= request.size;
        self.bytes_handled = request.size;
        Some(request)
    }

    /// Removes all messages.
    pub(super) fn discard(&mut self) {
        self.requests = VecDeque::new();
        (self.bytes, self.bytes_handled) = (0, 0);
    }

    /// The message that was removed last is handled.
    pub(super) fn finish(&mut self) {
        self.bytes_handled = 0;
    }

    /// Returns the size of the waiting messages and of the one that is being handled.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes + self.bytes_handled
    }
}
