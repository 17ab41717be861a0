//! The error of a full hash queue.

/// The error for a job that was not started: it would have to wait too long in the queue, or it has
/// waited too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password hash queue is full; try again in {retry_after_ms} ms")]
pub struct QueueFull {
    /// Milliseconds after which to try again; random, so that refused clients do not return
    /// together.
    pub retry_after_ms: u64,
}
