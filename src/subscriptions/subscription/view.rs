//! One subscription: the rows that its client has, and those that wait to be sent.

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

/// One subscription of one connection. Its owner is the user who subscribed.
#[derive(Debug)]
pub struct Subscription {
    _permit: QuotaPermit,
    pub(in crate::subscriptions) id: u64,
    pub(in crate::subscriptions) request: SubscriptionRequest,
    /// Whether the owner holds the right to see all rows of the source, or the source requires no
    /// right.
    pub(in crate::subscriptions) sees_all: bool,
    /// Whether the owner holds the right to see masked columns, or the source has none.
    pub(in crate::subscriptions) unmasked: bool,
    /// The users to whose rows the subscription is limited, in ascending order; `None` if it shows
    /// rows of all users. The filter sets the limit, or the owner sees only own rows.
    pub(super) user_keys: Option<Box<[UserNo]>>,
    /// Whether rows must be matched against the filter. False if there is no filter, or if the
    /// filter requires only that rows belong to `user_keys`.
    pub(super) needs_filter: bool,
    /// The index keys of the subscription besides `user_keys`: values of key columns, or names of
    /// users who do not exist yet.
    pub(super) value_keys: Vec<Box<str>>,
    pub(super) read_position: ReadPosition,
    /// The rows that the client has once all waiting rows are sent. They are sorted.
    pub(super) view: SmallVec<[RowRef; 2]>,
    pub(super) pending: PendingRows,
    /// SEQUENCE_ID of the next QUERY_UPDATE.
    sequence: u64,
    /// The sequence number of the commit that the rows of the client reflect once all waiting rows
    /// are sent.
    pub(super) version: Seq,
    /// The number of the newest audit row that was published to this subscription, or that existed
    /// when the subscription was opened.
    pub(super) last_audit_no: AuditNo,
    /// Whether the LOGON_ACK is not written yet: nothing is sent before it.
    pub(in crate::subscriptions) awaiting_ack: bool,
    /// Whether a QUERY_UPDATE is due even if it has no rows.
    pub(in crate::subscriptions) update_due: bool,
}

impl Subscription {
    /// Opens a subscription and reads its first rows. If the subscription can be resumed, reads the
    /// changes since the version that the client has, otherwise the first step. Reads no external
    /// rows. Returns the subscription, its index keys, and which rows were read.
    ///
    /// The caller must add the subscription to the index before the next commit is applied.
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

    /// Whether this JSON text has the same value as the SOURCE_REF. The two texts may differ, for
    /// example in escapes.
    pub(in crate::subscriptions) fn is_named(&self, source_ref: &str) -> bool {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let may_vary = |text: &str| text.contains('\\') || !text.starts_with('"');
        let own = &*self.request.source_ref;
        own == source_ref
            || ((may_vary(own) || may_vary(source_ref))
                && read(own).is_some_and(|own| Some(own) == read(source_ref)))
    }

    /// Returns the row of a record; `None` if there is no record, the owner may not see it or the
    /// filter does not match.
    fn visible_row(&self, realm: &Realm, record: Option<SourceRecord<'_>>) -> Option<DataRow> {
        let viewer = Viewer { user: self.request.owner, sees_all: self.sees_all };
        record?.row_for(realm, viewer).filter(|data| self.matches_filter(data))
    }

    pub(super) fn matches_filter(&self, data: &DataRow) -> bool {
        let criteria = self.request.criteria.as_ref().filter(|_| self.needs_filter);
        criteria.is_none_or(|criteria| criteria.matches(|column| data.field(column).value()))
    }

    /// Compares one row with the view after a commit, and queues the difference. `record`: `None`
    /// if the record no longer exists. `before`: the row before the commit, for sources whose rows
    /// can be modified.
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

    /// Compares all rows of the view with the realm: rows that may no longer be seen are deleted.
    pub(super) fn check_view(&mut self, realm: &Realm) {
        let source = self.request.source;
        for row in self.view.clone() {
            let data = self.visible_row(realm, SourceRecord::find(realm, source, row));
            self.diff_row(row, data, None);
        }
    }

    /// Returns the position of a row in the view (`Ok`) or the position for its insertion (`Err`).
    /// The end is checked first, because new rows usually have the highest numbers.
    pub(super) fn view_index(&self, row: RowRef) -> Result<usize, usize> {
        match self.view.last() {
            Some(last) if *last < row => Err(self.view.len()),
            Some(last) if *last == row => Ok(self.view.len() - 1),
            _ => self.view.binary_search(&row),
        }
    }

    /// Compares a row with the view and queues the difference. `data`: the row as the client may
    /// see it now; `None` if the client may not see it. `before`: the row before the commit, if it
    /// can have been modified.
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
                    // The view is full. The read position moves back to before the row, so that
                    // the client's message MORE_ROWS finds it once there is room.
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

    /// Reads one step of rows into the view. Returns whether reading is done: the requested number
    /// is reached, the view is full, or the source has no more rows.
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
                // Reading ends only when a row beyond the requested number is found, so that
                // MORE_ROWS in the update is exact.
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

    /// Compares the whole view with what the owner may see, after the rights of the owner changed.
    ///
    /// First, rows that may no longer be seen are deleted. Then the source is read again from its
    /// start, and rows that the view lacks are added. If the owner sees only own rows, all of them
    /// are added; otherwise rows are added until the view has MAX_ROWS rows. The steps are bounded;
    /// rows that are not reached are sent after MORE_ROWS.
    pub(super) fn recompute(&mut self, realm: &Realm) {
        let waiting = self.pending.len();
        self.check_view(realm);
        if self.request.source == DataSource::AuditEvents {
            self.start_audit();
            self.update_due |= !self.awaiting_ack;
            return;
        }
        if self.awaiting_ack {
            // The first rows are still being read. That read, or MORE_ROWS, continues from the
            // start and skips rows that are in the view.
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
        // If there are more rows, an update must report this, even an update without rows.
        self.update_due |= self.pending.len() != waiting || self.read_position != ReadPosition::End;
    }

    /// Queues the maskable columns of the rows of the view, after the owner gained or lost the
    /// right to see them. The owner's own rows are skipped: their columns are never masked.
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

    /// Records that the view is exact as of this commit.
    pub(in crate::subscriptions) fn advance_version(&mut self, seq: Seq) {
        self.version = self.version.max(seq);
    }

    /// Returns the rows of the view in a range.
    pub(super) fn view_between(&self, from: RowRef, to: RowRef) -> Vec<RowRef> {
        let start = self.view.partition_point(|row| *row < from);
        self.view[start..].iter().copied().take_while(|row| *row <= to).collect()
    }

    /// Returns the approximate size of the waiting rows, in bytes.
    pub(in crate::subscriptions) fn weight(&self) -> usize {
        self.pending.weight()
    }

    /// Whether an update may be sent and is due.
    pub(in crate::subscriptions) fn is_due(&self) -> bool {
        !self.awaiting_ack && (self.update_due || !self.pending.is_empty())
    }

    /// Appends the next QUERY_UPDATE, with at most `rows_max` rows, in the order of their commits.
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

    /// Appends the part of a QUERY_UPDATE before its rows. `is_whole` is true if the client then
    /// has all rows that it may see.
    pub(super) fn write_header(&mut self, out: &mut Vec<u8>, rows: usize, is_whole: bool) {
        out.reserve(160 + 160 * rows);
        protocol::envelope::write_head(out, "QUERY_UPDATE", Some(&self.request.source_ref));
        write_member(out, "SEQUENCE_ID", self.sequence);
        write_member(out, "ROWS_COUNT", rows);
        write_member(out, "MORE_ROWS", !is_whole);
        self.sequence += 1;
        // Only a client that has all rows can resume from a version.
        if self.request.source == DataSource::UserRights && is_whole {
            write_member(out, "RIGHTS_VERSION", self.version);
        }
        out.extend_from_slice(b",\"ROW\":[");
    }
}

/// Maximum number of scan steps of one recomputation. The index stays locked during these steps.
const RECOMPUTE_STEPS: usize = 8;
