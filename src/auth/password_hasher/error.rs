//! The error of a full hash queue.

/// The error for a job without a result: it would have to wait too long in the queue, has waited
/// too long or panicked, or no hash thread could be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password hash queue is full; try again in {retry_after_ms} ms")]
pub struct QueueFull {
    /// Milliseconds after which to try again; random, so that refused clients do not return
    /// together.
    pub retry_after_ms: u64,
}
