//! Free space on the disk of the store. What is kept back is for what was accepted already: its
//! rows, the audit trail, and whatever the database writes by itself.

use std::path::{Path, PathBuf};

/// The disk of a store.
#[derive(Debug, Clone)]
pub struct DiskSpace {
    dir: PathBuf,
    reserve: u64,
}

impl DiskSpace {
    /// The disk of `dir`, of which so many megabytes are kept back.
    pub fn new(dir: &Path, reserve_mb: u64) -> Self {
        Self { dir: dir.to_owned(), reserve: reserve_mb << 20 }
    }

    /// Why nothing more is accepted, if so. One look costs about a microsecond.
    pub fn shortage(&self) -> Option<String> {
        if self.reserve == 0 {
            return None;
        }
        // A disk that cannot be asked says more when it is written to.
        let found = rustix::fs::statvfs(&self.dir).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let (free_mb, kept_mb) = (free >> 20, self.reserve >> 20);
        let words =
            || format!("the disk is full: {free_mb} MB are free, {kept_mb} MB are kept back");
        (free < self.reserve).then(words)
    }
}
