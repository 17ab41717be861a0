//! Rows that are not the realm's: services and the audit trail.

use std::sync::Arc;

use super::view::Subscription;
use crate::realm::{AuditEvent, Realm};
use crate::storage::AuditNo;
use crate::subscriptions::columns;
use crate::subscriptions::data_row::RowRef;
use crate::subscriptions::data_source::STEP_ROWS;
use crate::subscriptions::request::{ReadPosition, Services};

/// ROW_REF of an audit row: the newest comes first.
const fn row_ref(no: AuditNo) -> RowRef {
    (RowRef::MAX >> 1) - no
}

impl Subscription {
    /// The rows of SERVICES as they are now, against those before.
    pub(in crate::subscriptions) fn see_services(&mut self, now: &Services, before: &Services) {
        self.cursor = ReadPosition::End;
        for row in before.keys().filter(|row| !now.contains_key(row)) {
            self.diff_row(*row, None, None);
        }
        for (row, data) in now {
            let wanted = self.wants(data).then(|| data.clone());
            self.diff_row(*row, wanted, before.get(row));
        }
    }

    /// Rows that come from now on are told; `last` and those before it are read.
    pub(in crate::subscriptions) fn begin_audit_after(&mut self, last: AuditNo) {
        self.audited = self.audited.max(last);
        self.begin_audit();
    }

    pub(super) fn begin_audit(&mut self) {
        self.cursor = ReadPosition::At(row_ref(self.audited + 1));
    }

    /// New audit rows, the first with this number. A full view moves on: its oldest row leaves.
    pub(in crate::subscriptions) fn see_audit(&mut self, first: AuditNo, rows: &[Arc<AuditEvent>]) {
        for (no, row) in (first..).zip(rows) {
            if no <= self.audited {
                continue;
            }
            self.audited = no;
            let row = columns::audit_event(no, row);
            if !self.sees_all || !self.wants(&row) {
                continue;
            }
            if self.view.len() >= self.request.view_max
                && let Some(oldest) = self.view.last().copied()
            {
                self.diff_row(oldest, None, None);
                if self.cursor == ReadPosition::End {
                    self.cursor =
                        ReadPosition::At(self.view.last().copied().unwrap_or(row_ref(no)));
                }
            }
            self.diff_row(row_ref(no), Some(row), None);
        }
    }

    /// Before which audit row the next step of reading begins; none: nothing is to be read.
    pub(in crate::subscriptions) fn audit_from(&self) -> Option<AuditNo> {
        match self.cursor {
            ReadPosition::At(row) if self.sees_all => Some((RowRef::MAX >> 1) - row),
            _ => None,
        }
    }

    /// Takes one step of older audit rows, newest first. Says whether the wanted number is reached
    /// or the trail ended.
    pub(in crate::subscriptions) fn read_audit(
        &mut self,
        realm: &Realm,
        rows: &[(AuditNo, AuditEvent)],
        wanted: &mut usize,
    ) -> bool {
        // A right that was taken away is about to be published: nothing is read with it.
        if !self.may_read(realm) || !self.sees_all {
            return true;
        }
        for (no, row) in rows {
            let (row_ref, row) = (row_ref(*no), columns::audit_event(*no, row));
            if self.view.binary_search(&row_ref).is_err() && self.wants(&row) {
                if *wanted == 0 || self.view.len() >= self.request.view_max {
                    return true;
                }
                *wanted -= 1;
                self.cursor = ReadPosition::At(row_ref);
                self.diff_row(row_ref, Some(row), None);
            }
            self.cursor = ReadPosition::At(row_ref);
        }
        let ended = rows.len() < STEP_ROWS;
        if ended {
            self.cursor = ReadPosition::End;
        }
        ended
    }
}
