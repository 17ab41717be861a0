//! External rows, which are not records of the realm: services and the audit trail.

use std::sync::Arc;

use super::view::Subscription;
use crate::realm::{AuditEvent, Realm};
use crate::storage::AuditNo;
use crate::subscriptions::columns;
use crate::subscriptions::data_row::RowRef;
use crate::subscriptions::request::{ReadPosition, ServiceRows};
use crate::subscriptions::source_scan::STEP_ROWS;

/// Returns the ROW_REF of an audit row. Newer rows have a lower ROW_REF, so that the newest row is
/// first.
const fn row_ref(no: AuditNo) -> RowRef {
    (RowRef::MAX >> 1) - no
}

impl Subscription {
    /// Compares the rows of SERVICES now with the rows before, and queues the difference.
    pub(in crate::subscriptions) fn diff_services(
        &mut self,
        now: &ServiceRows,
        before: &ServiceRows,
    ) {
        self.read_position = ReadPosition::End;
        for row in before.keys().filter(|row| !now.contains_key(row)) {
            self.diff_row(*row, None, None);
        }
        for (row, data) in now {
            let visible = self.matches_filter(data).then(|| data.clone());
            self.diff_row(*row, visible, before.get(row));
        }
    }

    /// Sets the boundary between audit rows: rows up to `last` are read, later rows are pushed.
    ///
    /// A row is in the trail before it is published. If a row up to `last` is published after this
    /// call, the publication is ignored, because a read finds the row: no row is missed or sent
    /// twice.
    pub(in crate::subscriptions) fn start_audit_after(&mut self, last: AuditNo) {
        self.last_audit_no = self.last_audit_no.max(last);
        self.start_audit();
    }

    /// Moves the read position to the start, so that the newest audit row is read first.
    pub(super) fn start_audit(&mut self) {
        self.read_position = ReadPosition::At(row_ref(self.last_audit_no + 1));
    }

    /// Adds new audit rows; `first` is the number of the first one. If the view is full, its oldest
    /// row is removed for each new one.
    pub(in crate::subscriptions) fn add_audit_rows(
        &mut self,
        first: AuditNo,
        rows: &[Arc<AuditEvent>],
    ) {
        for (no, row) in (first..).zip(rows) {
            if no <= self.last_audit_no {
                continue;
            }
            self.last_audit_no = no;
            let row = columns::audit_event_row(no, row);
            if !self.sees_all || !self.matches_filter(&row) {
                continue;
            }
            if self.view.len() >= self.request.view_max
                && let Some(oldest) = self.view.last().copied()
            {
                self.diff_row(oldest, None, None);
                // The client no longer has all rows. The read position moves back to the last row
                // that remains, so that the update has the field MORE_ROWS true.
                if self.read_position == ReadPosition::End {
                    self.read_position =
                        ReadPosition::At(self.view.last().copied().unwrap_or(row_ref(no)));
                }
            }
            self.diff_row(row_ref(no), Some(row), None);
        }
    }

    /// Returns the position of reading. Rows are read from the newest to the oldest: the next step
    /// reads rows with lower numbers than this. `None` if there is nothing to read.
    pub(in crate::subscriptions) fn audit_read_position(&self) -> Option<AuditNo> {
        match self.read_position {
            ReadPosition::At(row) if self.sees_all => Some((RowRef::MAX >> 1) - row),
            _ => None,
        }
    }

    /// Adds one step of older audit rows, newest first. Returns whether reading is done: the
    /// requested number is reached, the view is full, the trail has no older rows, or the owner may
    /// not read.
    pub(in crate::subscriptions) fn read_audit(
        &mut self,
        realm: &Realm,
        rows: &[(AuditNo, AuditEvent)],
        rows_left: &mut usize,
    ) -> bool {
        // The owner may have lost the right to read the audit trail by a commit that is not
        // published yet. Its publication will then refresh the scope.
        if !self.may_read(realm) || !self.sees_all {
            return true;
        }
        for (no, row) in rows {
            let (row_ref, row) = (row_ref(*no), columns::audit_event_row(*no, row));
            if self.view.binary_search(&row_ref).is_err() && self.matches_filter(&row) {
                if *rows_left == 0 || self.view.len() >= self.request.view_max {
                    return true;
                }
                *rows_left -= 1;
                self.read_position = ReadPosition::At(row_ref);
                self.diff_row(row_ref, Some(row), None);
            }
            self.read_position = ReadPosition::At(row_ref);
        }
        let ended = rows.len() < STEP_ROWS;
        if ended {
            self.read_position = ReadPosition::End;
        }
        ended
    }
}
