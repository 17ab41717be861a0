//! The error of a hash job without a result.

/// The error of a hash job without a result. The job would have to wait too long in the queue, or
/// has waited too long. Or it panicked, or no hash thread could be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed in time; try again in {retry_after_ms} ms")]
pub struct HashUnavailable {
    /// Milliseconds after which to try again; random, so that refused clients do not return
    /// together.
    pub retry_after_ms: u64,
}
