//! The errors of a store.

use std::io;

/// Why a store cannot be used, classified by what an administrator can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store is in use by another process; stop that process first")]
    Locked,
    /// Stored data is missing or altered.
    #[error("the store is damaged: {0}; keep its directory, and restore a backup into a new one")]
    Damaged(String),
    /// The store has a format that this version cannot read.
    #[error(
        "the store has format {found:?}, but this version of tollgate reads at most \
         {supported:?}; use a newer version"
    )]
    Format {
        /// The content of the format file.
        found: String,
        /// The format that this version writes.
        supported: &'static str,
    },
    /// The disk failed or is full.
    #[error("the store cannot be read or written: {0}")]
    Io(#[source] io::Error),
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            error if is_locked(&error) => Self::Locked,
            sled::Error::Io(error) => Self::Io(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Whether sled reports that another process holds the lock of the database.
pub(super) fn is_locked(error: &sled::Error) -> bool {
    let sled::Error::Io(error) = error else { return false };
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("lock")
}
