//! What waits to be sent to one subscription: the newest state of each row wins.

use std::collections::BTreeMap;

use super::row::Operation;
use super::source::RowRef;

/// The rows of one QUERY_UPDATE weigh about this much at most: a frame of wide rows must not be
/// megabytes long.
const UPDATE_WEIGHT: usize = 128 * 1024;

/// Operations by row, each with its place in the order of commits.
#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: BTreeMap<RowRef, (u64, Operation)>,
    next: u64,
    weight: usize,
}

impl Pending {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Roughly the bytes that wait.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Adds an operation. Conflation, by the table of PROTOCOL §6.
    pub(super) fn put(&mut self, row: RowRef, new: Operation) {
        use Operation::{Delete, Insert, Modify};
        let (order, old) = match self.remove(row) {
            Some((order, old)) => (order, Some(old)),
            None => (self.next, None),
        };
        let merged = match (old, new) {
            (None, new) => new,
            (Some(Insert(_)), Insert(data) | Modify(_, data)) => Insert(data),
            (Some(Insert(_)), Delete) => return,
            (Some(Modify(a, _)), Modify(b, data)) => Modify(a | b, data),
            (Some(Modify(..) | Delete), Delete) => Delete,
            (Some(Modify(..) | Delete), Insert(data) | Modify(_, data)) => Modify(u64::MAX, data),
        };
        self.next += 1;
        self.weight += weight(&merged);
        self.rows.insert(row, (order, merged));
    }

    /// Takes the oldest operations: at most `most`, and no more than a frame should hold.
    pub(super) fn take(&mut self, most: usize) -> Vec<(RowRef, Operation)> {
        let order = self.rows.iter().map(|(row, (order, _))| (*order, *row));
        let mut order: Vec<(u64, RowRef)> = order.collect();
        order.sort_unstable();
        let (mut taken, mut taken_weight) = (Vec::with_capacity(order.len().min(most)), 0);
        for (_, row) in order.into_iter().take(most) {
            if taken_weight >= UPDATE_WEIGHT {
                break;
            }
            if let Some((_, operation)) = self.remove(row) {
                taken_weight += weight(&operation);
                taken.push((row, operation));
            }
        }
        taken
    }

    fn remove(&mut self, row: RowRef) -> Option<(u64, Operation)> {
        let removed = self.rows.remove(&row)?;
        self.weight -= weight(&removed.1);
        Some(removed)
    }
}

fn weight(operation: &Operation) -> usize {
    match operation {
        Operation::Insert(row) | Operation::Modify(_, row) => row.weight(),
        Operation::Delete => 64,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::feed::row::{DataRow, Field};

    fn data(text: &str) -> Arc<DataRow> {
        Arc::new(DataRow::new([Field::text(text)]))
    }

    /// Puts operations on one row and says in words what is left of them.
    fn left(operations: &[Operation]) -> String {
        let mut pending = Pending::default();
        operations.iter().for_each(|operation| pending.put(7, operation.clone()));
        let taken = pending.take(9);
        assert_eq!((pending.len(), pending.weight()), (0, 0));
        let text = |row: &DataRow| format!("{:?}", row.field(0));
        let words = taken.iter().map(|(_, operation)| match operation {
            Operation::Insert(row) => format!("INSERT {}", text(row)),
            Operation::Modify(mask, row) => format!("MODIFY {mask:x} {}", text(row)),
            Operation::Delete => "DELETE".to_owned(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn operations_on_one_row_conflate() {
        let insert = |text: &str| Operation::Insert(data(text));
        let modify = |mask, text: &str| Operation::Modify(mask, data(text));
        let delete = || Operation::Delete;
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
            assert_eq!(left(&operations), expected, "{operations:?}");
        }
    }

    #[test]
    fn rows_leave_in_the_order_of_their_commits_and_a_frame_at_a_time() {
        let mut pending = Pending::default();
        let wide = "x".repeat(50_000);
        for row in [5, 3, 9, 4] {
            pending.put(row, Operation::Insert(data(&wide)));
        }
        pending.put(3, Operation::Insert(data("changed")));
        let rows = |taken: Vec<(RowRef, Operation)>| -> Vec<_> {
            taken.into_iter().map(|(row, _)| row).collect()
        };
        assert_eq!(rows(pending.take(1)), [5]);
        assert_eq!(rows(pending.take(9)), [3, 9, 4]);
        for row in 0..5 {
            pending.put(row, Operation::Insert(data(&wide)));
        }
        assert_eq!(rows(pending.take(9)), [0, 1, 2]);
        assert_eq!(rows(pending.take(9)), [3, 4]);
    }
}
