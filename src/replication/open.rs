//! Opening of the command log that belongs to a store.

use super::log::SledLog;
use crate::storage::{RowStore, StoreError};
/// Opens the command log in the database of `store` and completes the store if it is new.
///
/// Fails with [`StoreError::Damaged`] if the log and the rows do not fit each other.
pub fn open_log(store: &RowStore) -> Result<SledLog, StoreError> {
    let log = SledLog::open(store)?;
    store.mark_complete()?;
    let applied = store.applied();
    if applied > log.last() || applied + 1 < log.first() {
        let why = format!(
            "the rows reflect entry {applied}, the log has {} to {}",
            log.first(),
            log.last()
        );
        return Err(StoreError::Damaged(why));
    }
    Ok(log)
}
