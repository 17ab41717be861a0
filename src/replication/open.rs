//! Opening of the command log that belongs to a store.

use super::log::SledLog;
use crate::storage::{RowStore, StoreError};

/// Opens the command log in the database of `store`, and marks a new or upgraded store as complete.
///
/// Fails with [`StoreError::Damaged`] if the rows reflect a later entry than the last one of the
/// log, or if the log lacks entries that must still be applied to the rows.
pub fn open_log(store: &RowStore) -> Result<SledLog, StoreError> {
    let log = SledLog::open(store)?;
    store.mark_complete()?;
    let applied = store.applied();
    if applied > log.last() || applied + 1 < log.first() {
        let why = format!(
            "the stored records contain the changes up to entry {applied} of the command log, but \
             the log has only entries {} to {}",
            log.first(),
            log.last()
        );
        return Err(StoreError::Damaged(why));
    }
    Ok(log)
}
