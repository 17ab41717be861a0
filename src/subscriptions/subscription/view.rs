//! One subscription: what its client has, what waits to be sent, and how the two are kept exact.

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::first_rows::FirstRows;
use crate::realm::{Realm, UserNo};
use crate::storage::{AuditNo, Seq};
use crate::subscriptions::data_row::{DataRow, RowChange, RowRef, write_member};
use crate::subscriptions::data_source::DataSource;
use crate::subscriptions::filter_key::FilterKey;
use crate::subscriptions::pending_rows::PendingRows;
use crate::subscriptions::quota::QuotaPermit;
use crate::subscriptions::request::{ReadPosition, SubscriptionRequest};
use crate::subscriptions::rights_history::RightsHistory;
use crate::subscriptions::source_record::{SourceRecord, Viewer};
use crate::subscriptions::source_scan::ScanPage;

/// One subscription of one connection.
#[derive(Debug)]
pub struct Subscription {
    _permit: QuotaPermit,
    pub(in crate::subscriptions) id: u64,
    pub(in crate::subscriptions) request: SubscriptionRequest,
    /// Whether the owner sees all rows, by the source's right.
    pub(in crate::subscriptions) sees_all: bool,
    /// Whether the owner sees columns that others do not.
    pub(in crate::subscriptions) unmasked: bool,
    /// The users to whose rows it is limited, in ascending order, by the filter or because only
    /// own rows are seen.
    pub(super) user_keys: Option<Box<[UserNo]>>,
    /// Whether the filter is to be asked: it may ask for more than for these users.
    pub(super) needs_filter: bool,
    /// Values by which it is found beside them.
    pub(super) value_keys: Vec<Box<str>>,
    pub(super) read_position: ReadPosition,
    /// The rows that the client has once all that waits is sent, in order.
    pub(super) view: SmallVec<[RowRef; 2]>,
    pub(super) pending: PendingRows,
    sequence: u64,
    /// The commit that the client's rows reflect once all that waits is sent.
    pub(super) version: Seq,
    /// The newest audit row that it received, or that was there before it.
    pub(super) last_audit_no: AuditNo,
    /// Nothing is sent before the LOGON_ACK.
    pub(in crate::subscriptions) awaiting_ack: bool,
    /// A QUERY_UPDATE is owed even if it has no rows.
    pub(in crate::subscriptions) update_due: bool,
}

impl Subscription {
    /// Opens a subscription before any commit is published to it, and reads its first rows: what
    /// changed since the version that the client has, if it can be resumed, else the first step.
    /// Gives the subscription, its keys in the index, and which rows were read.
    pub(in crate::subscriptions) fn open(
        id: u64,
        request: SubscriptionRequest,
        permit: QuotaPermit,
        realm: &Realm,
        seq: Seq,
        history: &Mutex<RightsHistory>,
    ) -> (Self, Vec<FilterKey>, FirstRows) {
        let mut subscription = Self::new(id, request, permit, seq);
        let keys = subscription.resolve_scope(realm);
        let first_rows = subscription.read_first_rows(realm, seq, history);
        (subscription, keys, first_rows)
    }

    fn new(id: u64, request: SubscriptionRequest, permit: QuotaPermit, version: Seq) -> Self {
        Self {
            _permit: permit,
            id,
            request,
            sees_all: false,
            unmasked: false,
            user_keys: None,
            needs_filter: true,
            value_keys: Vec::new(),
            read_position: ReadPosition::Start,
            view: SmallVec::new(),
            pending: PendingRows::default(),
            sequence: 0,
            version,
            last_audit_no: 0,
            awaiting_ack: true,
            update_due: false,
        }
    }

    /// Whether this JSON text names the stream, in whatever spelling.
    pub(in crate::subscriptions) fn is_named(&self, source_ref: &str) -> bool {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let spelled = |text: &str| text.contains('\\') || !text.starts_with('"');
        let own = &*self.request.source_ref;
        own == source_ref
            || ((spelled(own) || spelled(source_ref))
                && read(own).is_some_and(|own| Some(own) == read(source_ref)))
    }

    /// The row of a record, if it exists, the owner may see it and the filter matches.
    fn visible_row(&self, realm: &Realm, record: Option<SourceRecord<'_>>) -> Option<DataRow> {
        let viewer = Viewer { user: self.request.owner, sees_all: self.sees_all };
        record?.row_for(realm, viewer).filter(|data| self.matches_filter(data))
    }

    pub(super) fn matches_filter(&self, data: &DataRow) -> bool {
        let criteria = self.request.criteria.as_ref().filter(|_| self.needs_filter);
        criteria.is_none_or(|criteria| criteria.matches(|column| data.field(column).value()))
    }

    /// Checks one row after a commit and notes what is different for the client. `record`: `None`
    /// if it is gone. `before`: the row as it was, where a row can be modified.
    pub(in crate::subscriptions) fn check_record(
        &mut self,
        realm: &Realm,
        seq: Seq,
        row: RowRef,
        record: Option<SourceRecord<'_>>,
        before: Option<&DataRow>,
    ) {
        let data = self.visible_row(realm, record);
        self.advance_version(seq);
        self.diff_row(row, data, before);
    }

    /// Checks all rows that the client has.
    pub(super) fn check_view(&mut self, realm: &Realm) {
        let source = self.request.source;
        for row in self.view.clone() {
            let data = self.visible_row(realm, SourceRecord::find(realm, source, row));
            self.diff_row(row, data, None);
        }
    }

    /// Where a row is in the view, or would be: mostly at its end, as new rows have the highest
    /// numbers.
    pub(super) fn view_index(&self, row: RowRef) -> Result<usize, usize> {
        match self.view.last() {
            Some(last) if *last < row => Err(self.view.len()),
            Some(last) if *last == row => Ok(self.view.len() - 1),
            _ => self.view.binary_search(&row),
        }
    }

    /// The heart of the push: the row as it is now, against what the client has.
    pub(super) fn diff_row(
        &mut self,
        row: RowRef,
        data: Option<DataRow>,
        before: Option<&DataRow>,
    ) {
        match (self.view_index(row), data) {
            (Err(at), Some(data)) if self.read_position.covers(row) => {
                if self.view.len() < self.request.view_max {
                    self.view.insert(at, row);
                    self.pending.put(row, RowChange::Insert(data));
                } else {
                    // The view is full: MORE_ROWS finds the row once there is room.
                    self.read_position =
                        row.checked_sub(1).map_or(ReadPosition::Start, ReadPosition::At);
                }
            }
            (Ok(at), None) => {
                self.view.remove(at);
                self.pending.put(row, RowChange::Delete);
            }
            (Ok(_), Some(data)) => {
                let shown = self.request.columns & !self.request.source.masked_columns(&data);
                let mask = before.map_or(0, |before| data.changed_columns(before)) & shown;
                if mask != 0 {
                    self.pending.put(row, RowChange::Modify(mask, data));
                }
            }
            (Err(_), _) => {}
        }
    }

    fn read_first_rows(
        &mut self,
        realm: &Realm,
        seq: Seq,
        history: &Mutex<RightsHistory>,
    ) -> FirstRows {
        if matches!(self.request.source, DataSource::Services | DataSource::AuditEvents) {
            return FirstRows::External;
        }
        let version = self.request.resume_from;
        if version.is_some_and(|version| self.resume_from(realm, seq, version, &history.lock())) {
            return FirstRows::Resumed;
        }
        let mut rows_left = self.request.rows_max;
        if self.read_step(realm, &mut rows_left) {
            FirstRows::Complete
        } else {
            FirstRows::Partial(rows_left)
        }
    }

    /// Reads one step of rows into the view. Says whether the wanted number is reached or the
    /// source ended.
    pub(in crate::subscriptions) fn read_step(
        &mut self,
        realm: &Realm,
        rows_left: &mut usize,
    ) -> bool {
        let after = match self.read_position {
            ReadPosition::Start => None,
            ReadPosition::At(row) => Some(row),
            ReadPosition::End => return true,
        };
        let page = ScanPage::read(realm, self.request.source, after, self.user_keys.as_deref());
        for record in page.records {
            let row = record.row_ref();
            if let Err(at) = self.view_index(row)
                && let Some(data) = self.visible_row(realm, Some(record))
            {
                // One row beyond the wanted number is searched for, so that MORE_ROWS is exact.
                if *rows_left == 0 || self.view.len() >= self.request.view_max {
                    return true;
                }
                *rows_left -= 1;
                self.view.insert(at, row);
                self.pending.put(row, RowChange::Insert(data));
            }
            self.read_position = ReadPosition::At(row);
        }
        self.read_position = page.next.map_or(ReadPosition::End, ReadPosition::At);
        page.next.is_none()
    }

    /// Compares the whole view with what should be in it, after the owner's permissions changed:
    /// rows no longer seen leave first, then what is seen now is read again from the start.
    /// Own rows come at once; the rows of all users come a page at a time. Bounded: what is not
    /// reached comes with MORE_ROWS.
    pub(super) fn recompute(&mut self, realm: &Realm) {
        let waiting = self.pending.len();
        self.check_view(realm);
        if self.request.source == DataSource::AuditEvents {
            self.start_audit();
            self.update_due |= !self.awaiting_ack;
            return;
        }
        if self.awaiting_ack {
            // Its first rows are being read: MORE_ROWS reads them again.
            self.read_position = ReadPosition::Start;
            return;
        }
        let page = self.request.rows_max.saturating_sub(self.view.len());
        let mut rows_left = if self.sees_all { page } else { usize::MAX };
        self.read_position = ReadPosition::Start;
        for _ in 0..RECOMPUTE_STEPS {
            if self.read_step(realm, &mut rows_left) {
                break;
            }
        }
        // An update without rows only says that there are more.
        self.update_due |= self.pending.len() != waiting || self.read_position != ReadPosition::End;
    }

    /// Queues the columns that the owner sees now, or no longer, of every row of the view.
    pub(super) fn remask(&mut self, realm: &Realm) {
        let SubscriptionRequest { source, owner, .. } = self.request;
        let columns = source.maskable_columns() & self.request.columns;
        for row in self.view.clone() {
            let record = SourceRecord::find(realm, source, row);
            let masked = record.filter(|it| columns != 0 && !it.belongs_to(realm, owner));
            if let Some(data) = self.visible_row(realm, masked) {
                self.pending.put(row, RowChange::Modify(columns, data));
            }
        }
    }

    /// What is known to be right up to this commit.
    pub(in crate::subscriptions) fn advance_version(&mut self, seq: Seq) {
        self.version = self.version.max(seq);
    }

    /// The rows of the view in a range.
    pub(super) fn view_between(&self, from: RowRef, to: RowRef) -> Vec<RowRef> {
        let start = self.view.partition_point(|row| *row < from);
        self.view[start..].iter().copied().take_while(|row| *row <= to).collect()
    }

    /// Bytes that wait.
    pub(in crate::subscriptions) fn weight(&self) -> usize {
        self.pending.weight()
    }

    /// Whether there is something to send.
    pub(in crate::subscriptions) fn is_due(&self) -> bool {
        !self.awaiting_ack && (self.update_due || !self.pending.is_empty())
    }

    /// Appends the next QUERY_UPDATE, at most `rows_max` rows, in the order of their commits.
    pub(in crate::subscriptions) fn write_update(&mut self, out: &mut Vec<u8>) {
        let rows = self.pending.pop_batch(self.request.rows_max);
        let complete = self.pending.is_empty();
        self.write_header(out, rows.len(), complete && self.read_position == ReadPosition::End);
        for (at, (row, operation)) in rows.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            operation.write(out, self.request.source.columns(), row, self.request.columns);
        }
        out.extend_from_slice(b"]}");
        self.update_due = self.update_due && !complete;
    }

    /// Appends a QUERY_UPDATE up to its rows. `is_whole`: the client has all there is with them.
    pub(super) fn write_header(&mut self, out: &mut Vec<u8>, rows: usize, is_whole: bool) {
        out.reserve(160 + 160 * rows);
        protocol::envelope::write_head(out, "QUERY_UPDATE", Some(&self.request.source_ref));
        write_member(out, "SEQUENCE_ID", self.sequence);
        write_member(out, "ROWS_COUNT", rows);
        write_member(out, "MORE_ROWS", !is_whole);
        self.sequence += 1;
        // Only who has all rows can come back with a version.
        if self.request.source == DataSource::UserRights && is_whole {
            write_member(out, "RIGHTS_VERSION", self.version);
        }
        out.extend_from_slice(b",\"ROW\":[");
    }
}

/// Steps that a comparison reads at most while the hub waits for it.
const RECOMPUTE_STEPS: usize = 8;
