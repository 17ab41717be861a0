//! Errors of the store.

use std::io;

/// Why a store cannot be used, by what its owner may do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("the store is in use by another process; stop that one first")]
    Locked,
    /// Something that was stored is missing or altered.
    #[error("the store is damaged: {0}; nothing was changed, restore a backup")]
    Damaged(String),
    /// It was made by a version that this one does not know.
    #[error("the store has format {found}, this version reads {supported}")]
    Format {
        /// What the format file says.
        found: String,
        /// The format of this version.
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

/// Whether sled says that the lock of the database is held.
pub(super) fn is_locked(error: &sled::Error) -> bool {
    let sled::Error::Io(error) = error else { return false };
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("lock")
}
