//! Request queue: the messages of a connection that are handled in order.

use std::collections::VecDeque;

use crate::router::Request;

/// A queue of messages that wait while another message is handled, bounded by count and bytes.
pub(super) struct RequestQueue {
    requests: VecDeque<Box<Request>>,
    bytes: usize,
    requests_max: u32,
    bytes_max: u32,
}

impl RequestQueue {
    /// Creates an empty queue, which is full when it reaches one of the limits.
    pub(super) fn new(requests_max: usize, bytes_max: usize) -> Self {
        let limit = |it| u32::try_from(it).unwrap_or(u32::MAX);
        let (requests_max, bytes_max) = (limit(requests_max), limit(bytes_max));
        Self { requests: VecDeque::new(), bytes: 0, requests_max, bytes_max }
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
        Some(request)
    }
}
