//! The free space on the disk of the store.
//!
//! A reserve is kept for writes that follow from accepted changes: their rows, the audit trail, and
//! what the database writes in the background.

use std::path::{Path, PathBuf};

/// The disk of a store and its reserve.
#[derive(Debug, Clone)]
pub struct DiskSpace {
    dir: PathBuf,
    /// The reserve in bytes; 0: no reserve, and no check.
    reserve: u64,
}

impl DiskSpace {
    /// Creates the value for the disk of `dir`, of which `reserve_mb` megabytes are reserved.
    pub fn new(dir: &Path, reserve_mb: u64) -> Self {
        Self { dir: dir.to_owned(), reserve: reserve_mb << 20 }
    }

    /// Returns why changes must be refused; `None` if at least the reserve is free. Takes about a
    /// microsecond.
    pub fn shortage(&self) -> Option<String> {
        if self.reserve == 0 {
            return None;
        }
        // If the free space cannot be determined, changes are accepted: a write reports the actual
        // error.
        let found = rustix::fs::statvfs(&self.dir).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let (free_mb, reserve_mb) = (free >> 20, self.reserve >> 20);
        let text = || {
            format!(
                "only {free_mb} MB of disk space are free, less than store.disk_reserve_mb \
                 ({reserve_mb})"
            )
        };
        (free < self.reserve).then(text)
    }
}
