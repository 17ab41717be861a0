//! One subscription: what its client has, what waits to be sent, and how the two are kept exact.

use std::collections::BTreeSet;

use protocol::UserName;
use smallvec::SmallVec;

use crate::realm::{Realm, UserNo};
use crate::storage::{AuditNo, Seq};
use crate::subscriptions::data_row::{DataRow, Operation, RowRef, member};
use crate::subscriptions::data_source::Source;
use crate::subscriptions::filter_key::Key;
use crate::subscriptions::pending_rows::Pending;
use crate::subscriptions::quota::Taken;
use crate::subscriptions::request::{Cursor, Wish};
use crate::subscriptions::right_change::Turned;

/// One subscription of one connection.
#[derive(Debug)]
pub struct Subscription {
    _taken: Taken,
    pub(in crate::subscriptions) id: u64,
    pub(in crate::subscriptions) wish: Wish,
    /// Whether the owner sees all rows (he holds the source's right).
    pub(in crate::subscriptions) open: bool,
    /// Whether the owner sees columns that others do not.
    pub(in crate::subscriptions) unmasked: bool,
    /// The users to whose rows it is limited, by the filter or because only own rows are seen.
    users: Option<Box<[UserNo]>>,
    /// Whether the filter is to be asked: it may ask for more than for these users.
    pub(super) filtered: bool,
    /// Words by which it is found beside them.
    words: Vec<Box<str>>,
    pub(super) cursor: Cursor,
    /// The rows that the client has once all that waits is sent, in order.
    pub(super) view: SmallVec<[RowRef; 2]>,
    pub(super) pending: Pending,
    sequence: u64,
    /// The commit that the client's rows reflect once all that waits is sent.
    pub(super) version: Seq,
    /// The newest audit row that it was told of, or that was there before it.
    pub(super) audited: AuditNo,
    /// Nothing is sent before the LOGON_ACK.
    pub(in crate::subscriptions) held: bool,
    /// A QUERY_UPDATE is owed even if it has no rows.
    pub(in crate::subscriptions) owed: bool,
}

impl Subscription {
    pub(in crate::subscriptions) fn new(id: u64, wish: Wish, version: Seq, taken: Taken) -> Self {
        Self {
            _taken: taken,
            id,
            wish,
            open: false,
            unmasked: false,
            users: None,
            filtered: true,
            words: Vec::new(),
            cursor: Cursor::Start,
            view: SmallVec::new(),
            pending: Pending::default(),
            sequence: 0,
            version,
            audited: 0,
            held: true,
            owed: false,
        }
    }

    /// Whether this JSON text names the stream, in whatever spelling.
    pub(in crate::subscriptions) fn is_named(&self, source_ref: &str) -> bool {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let spelled = |text: &str| text.contains('\\') || !text.starts_with('"');
        let own = &*self.wish.source_ref;
        own == source_ref
            || ((spelled(own) || spelled(source_ref))
                && read(own).is_some_and(|own| Some(own) == read(source_ref)))
    }

    /// Whether the owner may see the row and his filter wants it; then the row.
    fn visible(&self, realm: &Realm, row: RowRef) -> Option<DataRow> {
        let Wish { source, owner, .. } = self.wish;
        if !self.open && !source.is_own(realm, owner, row) {
            return None;
        }
        let data = source.row(realm, owner, row)?;
        self.wants(&data).then_some(data)
    }

    pub(super) fn wants(&self, data: &DataRow) -> bool {
        let criteria = self.wish.criteria.as_ref().filter(|_| self.filtered);
        criteria.is_none_or(|criteria| criteria.matches(|column| data.field(column).value()))
    }

    /// Looks at one row after a commit and notes what is different for the client. `before`: the
    /// row as it was, where a row can be modified.
    pub(in crate::subscriptions) fn look(
        &mut self,
        realm: &Realm,
        seq: Seq,
        row: RowRef,
        before: Option<&DataRow>,
    ) {
        let data = self.visible(realm, row);
        self.version = self.version.max(seq);
        self.see(row, data, before);
    }

    /// Whether a change of these rights of the owner (none: of any) may change what he sees.
    pub(in crate::subscriptions) fn hinges_on(
        &self,
        realm: &Realm,
        rights: Option<&[Turned]>,
    ) -> bool {
        let Some(rights) = rights else { return true };
        let source = self.wish.source;
        let mut needed = source.right().into_iter().chain(source.unmasking());
        let is_changed = |code| {
            realm
                .right_by_code(code)
                .is_some_and(|needed| rights.iter().any(|it| it.right == needed.no))
        };
        self.lists_own() || needed.any(is_changed)
    }

    /// Whether the owner still holds the right by which he sees all rows, if he does.
    pub(in crate::subscriptions) fn may_read(&self, realm: &Realm) -> bool {
        let right = self.wish.source.right().filter(|_| self.open);
        right.is_none_or(|right| realm.holds_code(self.wish.owner, right))
    }

    /// Whether it shows the profiles or rights that the owner has, and no others.
    pub(in crate::subscriptions) fn lists_own(&self) -> bool {
        !self.open && matches!(self.wish.source, Source::AllProfiles | Source::AllRights)
    }

    /// Works out what the owner may see now and to whose rows that limits the subscription.
    pub(in crate::subscriptions) fn scope(&mut self, realm: &Realm) {
        let Wish { source, owner, .. } = self.wish;
        self.open = source.right().is_none_or(|right| realm.holds_code(owner, right));
        self.unmasked = source.unmasking().is_none_or(|right| realm.holds_code(owner, right));
        let criteria = self.wish.criteria.as_ref();
        let pinned = |column| criteria.and_then(|criteria| criteria.pinned(column));
        (self.users, self.words, self.filtered) = (None, Vec::new(), criteria.is_some());
        if let Some(column) = source.user_column() {
            match pinned(column) {
                Some(names) => {
                    let user = |name: &str| realm.user_by_name(&UserName::parse(name).ok()?);
                    let users = names.iter().filter_map(|name| Some(user(name)?.no));
                    self.users = Some(users.collect::<BTreeSet<_>>().into_iter().collect());
                    self.filtered = !criteria.is_some_and(|criteria| criteria.is_pin(column));
                    let strangers = names.iter().filter(|name| user(name).is_none());
                    self.words = strangers.map(|name| name.as_str().into()).collect();
                }
                None => self.users = (!self.open).then(|| [owner].into()),
            }
        }
        if self.users.is_none() {
            let words = source.word_columns().iter().find_map(|column| pinned(*column));
            self.words = words.into_iter().flatten().map(Into::into).collect();
        }
    }

    /// The users to whose rows it is limited, in order.
    pub(in crate::subscriptions) fn users(&self) -> Option<&[UserNo]> {
        self.users.as_deref()
    }

    /// The keys by which it is found; none: it is looked at for every row.
    pub(in crate::subscriptions) fn keys(&self) -> Vec<Key> {
        let users = self.users.iter().flat_map(|users| users.iter().map(|user| Key::User(*user)));
        users.chain(self.words.iter().cloned().map(Key::Word)).collect()
    }

    /// Where a row is in the view, or would be: mostly at its end, as new rows have the highest
    /// numbers.
    pub(super) fn place(&self, row: RowRef) -> Result<usize, usize> {
        match self.view.last() {
            Some(last) if *last < row => Err(self.view.len()),
            Some(last) if *last == row => Ok(self.view.len() - 1),
            _ => self.view.binary_search(&row),
        }
    }

    /// The heart of the push: the row as it is now, against what the client has.
    pub(super) fn see(&mut self, row: RowRef, data: Option<DataRow>, before: Option<&DataRow>) {
        match (self.place(row), data) {
            (Err(at), Some(data)) if self.cursor.covers(row) => {
                if self.view.len() < self.wish.view_max {
                    self.view.insert(at, row);
                    self.pending.put(row, Operation::Insert(data));
                } else {
                    // The view is full: MORE_ROWS finds the row once there is room.
                    self.cursor = row.checked_sub(1).map_or(Cursor::Start, Cursor::At);
                }
            }
            (Ok(at), None) => {
                self.view.remove(at);
                self.pending.put(row, Operation::Delete);
            }
            (Ok(_), Some(data)) => {
                let shown = self.wish.columns & !self.wish.source.masked(&data);
                let mask = before.map_or(0, |before| data.difference(before)) & shown;
                if mask != 0 {
                    self.pending.put(row, Operation::Modify(mask, data));
                }
            }
            (Err(_), _) => {}
        }
    }

    /// Reads one step of rows into the view. Says whether the wanted number is reached or the
    /// source ended.
    pub(in crate::subscriptions) fn read_step(
        &mut self,
        realm: &Realm,
        wanted: &mut usize,
    ) -> bool {
        let after = match self.cursor {
            Cursor::Start => None,
            Cursor::At(row) => Some(row),
            Cursor::End => return true,
        };
        let scanned = self.wish.source.scan(realm, after, self.users());
        for row in scanned.rows {
            if self.view.binary_search(&row).is_err()
                && let Some(data) = self.visible(realm, row)
            {
                // One row beyond the wanted number is looked for, so that MORE_ROWS is exact.
                if *wanted == 0 || self.view.len() >= self.wish.view_max {
                    return true;
                }
                *wanted -= 1;
                self.cursor = Cursor::At(row);
                self.see(row, Some(data), None);
            }
            self.cursor = Cursor::At(row);
        }
        self.cursor = scanned.next.map_or(Cursor::End, Cursor::At);
        scanned.next.is_none()
    }

    /// Compares the whole view with what should be in it, after the owner's permissions changed:
    /// what he no longer sees leaves first, then what he sees now is read again from the start.
    /// Own rows come at once; the rows of everybody come a page at a time. Bounded: what is not
    /// reached comes with MORE_ROWS.
    pub(in crate::subscriptions) fn compare(&mut self, realm: &Realm) {
        let waiting = self.pending.len();
        for row in self.view.clone() {
            let data = self.visible(realm, row);
            self.see(row, data, None);
        }
        if self.wish.source == Source::AuditEvents {
            self.begin_audit();
            self.owed |= !self.held;
            return;
        }
        if self.held {
            // Its first rows are being read: they are read again, by whoever asks for more.
            self.cursor = Cursor::Start;
            return;
        }
        let page = self.wish.rows_max.saturating_sub(self.view.len());
        let mut wanted = if self.open { page } else { usize::MAX };
        self.cursor = Cursor::Start;
        for _ in 0..COMPARE_STEPS {
            if self.read_step(realm, &mut wanted) {
                break;
            }
        }
        // An update without rows only says that there are more.
        self.owed |= self.pending.len() != waiting || self.cursor != Cursor::End;
    }

    /// Tells the columns that the owner sees now, or no longer, of every row that the client has.
    pub(in crate::subscriptions) fn remask(&mut self, realm: &Realm) {
        let columns = self.wish.source.maskable() & self.wish.columns;
        let Wish { source, owner, .. } = self.wish;
        for row in self.view.clone() {
            let masked = columns != 0 && !source.is_own(realm, owner, row);
            if let Some(data) = self.visible(realm, row).filter(|_| masked) {
                self.pending.put(row, Operation::Modify(columns, data));
            }
        }
    }

    /// What is known to be right up to this commit.
    pub(in crate::subscriptions) fn reflect(&mut self, seq: Seq) {
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
        !self.held && (self.owed || !self.pending.is_empty())
    }

    /// Appends the next QUERY_UPDATE, at most `rows_max` rows, in the order of their commits.
    pub(in crate::subscriptions) fn update(&mut self, out: &mut Vec<u8>) {
        let rows = self.pending.take(self.wish.rows_max);
        let complete = self.pending.is_empty();
        self.begin(out, rows.len(), complete && self.cursor == Cursor::End);
        for (at, (row, operation)) in rows.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            operation.write(out, self.wish.source.columns(), row, self.wish.columns);
        }
        out.extend_from_slice(b"]}");
        self.owed = self.owed && !complete;
    }

    /// Appends a QUERY_UPDATE up to its rows. `is_whole`: the client has all there is with them.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>, rows: usize, is_whole: bool) {
        out.reserve(160 + 160 * rows);
        protocol::envelope::write_head(out, "QUERY_UPDATE", Some(&self.wish.source_ref));
        member(out, "SEQUENCE_ID", self.sequence);
        member(out, "ROWS_COUNT", rows);
        member(out, "MORE_ROWS", !is_whole);
        self.sequence += 1;
        // Only who has all rows can come back with a version.
        if self.wish.source == Source::UserRights && is_whole {
            member(out, "RIGHTS_VERSION", self.version);
        }
        out.extend_from_slice(b",\"ROW\":[");
    }
}

/// Steps that a comparison reads at most while the feed waits for it.
const COMPARE_STEPS: usize = 8;
