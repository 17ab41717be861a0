//! The error of a full hash queue.

/// Too many hashes are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked; try again in {retry_after_ms} ms")]
pub struct QueueFull {
    /// When another attempt makes sense, different for each who is refused.
    pub retry_after_ms: u64,
}
