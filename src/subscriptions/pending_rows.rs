//! The row changes that wait to be sent to one subscription.
//!
//! Changes of one row are conflated: only the newest state of the row is sent.

use super::data_row::{RowChange, RowRef};

/// The approximate size at which a QUERY_UPDATE is full, in bytes: a frame of wide rows must not be
/// megabytes long.
const UPDATE_WEIGHT: usize = 128 * 1024;

/// The waiting changes, one for each row, with their positions in the order of commits.
#[derive(Debug, Default)]
pub(super) struct PendingRows {
    /// Sorted by row. Insertion is cheap: usually few rows wait, and the rows of DATA_LOGON and
    /// MORE_ROWS are added in this order, each at the end.
    rows: Vec<PendingRow>,
    /// The position for the next row that is added.
    next: u64,
    weight: usize,
}

#[derive(Debug)]
struct PendingRow {
    row: RowRef,
    order: u64,
    change: RowChange,
}

impl PendingRows {
    /// Whether no row waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of waiting rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the approximate size of the waiting rows, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Adds a change of a row, or merges it with the waiting change of that row. The merged change
    /// keeps the position of the waiting one.
    pub(super) fn put(&mut self, row: RowRef, new: RowChange) {
        use RowChange::{Delete, Insert, Modify};
        let at = match self.rows.binary_search_by_key(&row, |it| it.row) {
            Ok(at) => at,
            Err(at) => {
                self.weight += weight(&new);
                self.rows.insert(at, PendingRow { row, order: self.next, change: new });
                self.next += 1;
                return;
            }
        };
        let old = std::mem::replace(&mut self.rows[at].change, Delete);
        self.weight -= weight(&old);
        // The waiting change shows whether the client has the row: with INSERT it does not, with
        // MODIFY or DELETE it does.
        let merged = match (old, new) {
            (Insert(_), Insert(data) | Modify(_, data)) => Insert(data),
            (Insert(_), Delete) => {
                self.rows.remove(at);
                return;
            }
            (Modify(a, _), Modify(b, data)) => Modify(a | b, data),
            (Modify(..) | Delete, Delete) => Delete,
            (Modify(..) | Delete, Insert(data) | Modify(_, data)) => Modify(u64::MAX, data),
        };
        self.weight += weight(&merged);
        self.rows[at].change = merged;
    }

    /// Removes and returns the oldest changes. Stops at `rows_max` changes, or earlier if they fill
    /// one frame.
    pub(super) fn pop_batch(&mut self, rows_max: usize) -> Vec<(RowRef, RowChange)> {
        let mut batch = std::mem::take(&mut self.rows);
        batch.sort_unstable_by_key(|it| it.order);
        let mut batch_weight = 0;
        let fits = |it: &&PendingRow| {
            let fits = batch_weight < UPDATE_WEIGHT;
            batch_weight += if fits { weight(&it.change) } else { 0 };
            fits
        };
        let count = batch.iter().take(rows_max).take_while(fits).count();
        self.rows = batch.split_off(count);
        self.rows.sort_unstable_by_key(|it| it.row);
        self.weight -= batch_weight;
        batch.into_iter().map(|it| (it.row, it.change)).collect()
    }
}

/// Returns the approximate size of a change, in bytes.
fn weight(operation: &RowChange) -> usize {
    match operation {
        RowChange::Insert(row) | RowChange::Modify(_, row) => row.weight(),
        RowChange::Delete => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::data_row::{DataRow, FieldValue};

    fn data(text: &str) -> DataRow {
        DataRow::new([FieldValue::text(text)])
    }

    /// Applies changes to one row, and returns what is left to be sent, as text.
    fn merged(operations: &[RowChange]) -> String {
        let mut pending = PendingRows::default();
        operations.iter().for_each(|operation| pending.put(7, operation.clone()));
        let taken = pending.pop_batch(9);
        assert_eq!((pending.len(), pending.weight()), (0, 0));
        let text = |row: &DataRow| format!("{:?}", row.field(0));
        let texts = taken.iter().map(|(_, operation)| match operation {
            RowChange::Insert(row) => format!("INSERT {}", text(row)),
            RowChange::Modify(mask, row) => format!("MODIFY {mask:x} {}", text(row)),
            RowChange::Delete => "DELETE".to_owned(),
        });
        texts.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn operations_on_one_row_conflate() {
        let insert = |text: &str| RowChange::Insert(data(text));
        let modify = |mask, text: &str| RowChange::Modify(mask, data(text));
        let delete = || RowChange::Delete;
        let (new, all) = (r#"Text("new")"#, u64::MAX);
        for (operations, expected) in [
            (vec![modify(1, "old"), modify(4, "new")], format!("MODIFY 5 {new}")),
            (vec![insert("old"), modify(1, "new")], format!("INSERT {new}")),
            (vec![insert("old"), delete()], String::new()),
            (vec![modify(1, "old"), delete()], "DELETE".to_owned()),
            (vec![delete(), insert("new")], format!("MODIFY {all:x} {new}")),
            (vec![delete(), insert("old"), delete()], "DELETE".to_owned()),
            (vec![insert("old"), delete(), insert("new")], format!("INSERT {new}")),
            (vec![delete(), insert("old"), modify(1, "new")], format!("MODIFY {all:x} {new}")),
        ] {
            assert_eq!(merged(&operations), expected, "{operations:?}");
        }
    }

    #[test]
    fn rows_are_taken_in_the_order_of_commits_and_a_frame_at_a_time() {
        let mut pending = PendingRows::default();
        let wide = "x".repeat(50_000);
        for row in [5, 3, 9, 4] {
            pending.put(row, RowChange::Insert(data(&wide)));
        }
        pending.put(3, RowChange::Insert(data("changed")));
        let rows = |taken: Vec<(RowRef, RowChange)>| -> Vec<_> {
            taken.into_iter().map(|(row, _)| row).collect()
        };
        assert_eq!(rows(pending.pop_batch(1)), [5]);
        assert_eq!(rows(pending.pop_batch(9)), [3, 9, 4]);
        for row in 0..5 {
            pending.put(row, RowChange::Insert(data(&wide)));
        }
        assert_eq!(rows(pending.pop_batch(9)), [0, 1, 2]);
        assert_eq!(rows(pending.pop_batch(9)), [3, 4]);
    }
}
