//! One subscription: what its client has, what waits to be sent, and how the two are kept exact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{Criteria, UserName};

use super::row::{DataRow, Operation};
use super::source::{RowRef, Source, right_ref};
use crate::log::Seq;
use crate::realm::{Realm, RightNo, SessionNo, UserNo};

/// The rows of SERVICES, which are not the realm's.
pub type Services = BTreeMap<RowRef, Arc<DataRow>>;

/// What DATA_LOGON asks for, checked.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Which rows.
    pub source: Source,
    /// SOURCE_REF as JSON text: the name of the stream.
    pub source_ref: Box<str>,
    /// The client's filter.
    pub criteria: Option<Criteria>,
    /// The fields asked for, one bit a column; all bits: all.
    pub columns: u64,
    /// Rows of one QUERY_UPDATE.
    pub rows_max: usize,
    /// Rows that the client holds at most.
    pub view_max: usize,
    /// Who subscribes.
    pub owner: UserNo,
    /// In which session.
    pub session: SessionNo,
}

/// How far a subscription has read its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Nothing yet.
    Start,
    /// All up to this row.
    At(RowRef),
    /// Everything: every new row is pushed.
    End,
}

impl Cursor {
    fn covers(self, row: RowRef) -> bool {
        match self {
            Cursor::Start => false,
            Cursor::At(last) => row <= last,
            Cursor::End => true,
        }
    }
}

/// One subscription of one connection.
#[derive(Debug)]
pub struct Subscription {
    pub(super) id: u64,
    pub(super) wish: Wish,
    /// Whether the owner sees all rows (he holds the source's right).
    pub(super) open: bool,
    /// The user to whose rows it is limited, by the filter or because only own rows are seen.
    pub(super) user: Option<UserNo>,
    pub(super) cursor: Cursor,
    /// The rows that the client has once all that waits is sent, in order.
    view: Vec<RowRef>,
    waiting: BTreeMap<RowRef, (u64, Operation)>,
    order: u64,
    weight: usize,
    sequence: u64,
    /// The commit that the client's rows reflect once all that waits is sent.
    version: Seq,
    /// Nothing is sent before the LOGON_ACK.
    pub(super) held: bool,
    /// A QUERY_UPDATE is owed even if it has no rows.
    pub(super) owed: bool,
}

impl Subscription {
    pub(super) fn new(id: u64, wish: Wish, version: Seq) -> Self {
        Self {
            id,
            wish,
            open: false,
            user: None,
            cursor: Cursor::Start,
            view: Vec::new(),
            waiting: BTreeMap::new(),
            order: 0,
            weight: 0,
            sequence: 0,
            version,
            held: true,
            owed: false,
        }
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
        let criteria = self.wish.criteria.as_ref();
        criteria.is_none_or(|criteria| criteria.matches(|column| data.field(column).value()))
    }

    /// Looks at one row after a commit and notes what is different for the client. `before`: the
    /// row as it was, where a row can be modified.
    pub(super) fn look(&mut self, realm: &Realm, seq: Seq, row: RowRef, before: Option<&DataRow>) {
        let data = self.visible(realm, row).map(Arc::new);
        self.version = self.version.max(seq);
        self.see(row, data, before);
    }

    /// Looks at rights of one user after a commit: at these, or at all of them. False when the
    /// view does not reach this user.
    pub(super) fn look_rights(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        rights: Option<&[RightNo]>,
    ) -> bool {
        let (first, last) = (right_ref(user, RightNo::MIN), right_ref(user, RightNo::MAX));
        let mut rows = match rights {
            Some(rights) => rights.iter().map(|right| right_ref(user, *right)).collect(),
            None => self.view_between(first, last),
        };
        if rights.is_none() {
            rows.extend(realm.effective(user).into_iter().map(|right| right_ref(user, right)));
        }
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter().for_each(|row| self.look(realm, seq, row, None));
        self.cursor.covers(first)
    }

    /// Whether a change of these rights of the owner (none: of any) may change what he sees.
    pub(super) fn hinges_on(&self, realm: &Realm, rights: Option<&[RightNo]>) -> bool {
        let Some(rights) = rights else { return true };
        let needed = self.wish.source.right().and_then(|code| realm.right_by_code(code));
        self.lists_own() || needed.is_some_and(|needed| rights.contains(&needed.no))
    }

    /// Whether it shows the profiles or rights that the owner has, and no others.
    pub(super) fn lists_own(&self) -> bool {
        !self.open && matches!(self.wish.source, Source::AllProfiles | Source::AllRights)
    }

    /// Works out what the owner may see now and to whose rows that limits the subscription.
    pub(super) fn scope(&mut self, realm: &Realm) {
        let Wish { source, owner, .. } = self.wish;
        self.open = source.right().is_none_or(|right| realm.holds_code(owner, right));
        let Some(column) = source.user_column() else { return };
        let pinned = self.wish.criteria.as_ref().and_then(|criteria| criteria.pinned(column));
        let named = match pinned.as_deref() {
            Some([name]) => UserName::parse(name).ok().and_then(|name| realm.user_by_name(&name)),
            _ => None,
        };
        self.user = match named {
            Some(user) => Some(user.no),
            None => (!self.open).then_some(owner),
        };
    }

    /// The client comes back: it has what the user had then and gets what is different now.
    pub(super) fn resume(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        then: &BTreeSet<RightNo>,
    ) {
        self.view = then.iter().map(|right| right_ref(user, *right)).collect();
        let criteria = self.wish.criteria.clone();
        if let (Some(criteria), Some(name)) = (criteria, realm.user(user)) {
            self.view.retain(|row| {
                let right = realm.right(RightNo((row & u64::from(u32::MAX)) as u32));
                let data = right.map(|right| super::source::user_right(name, right));
                data.is_none_or(|data| criteria.matches(|column| data.field(column).value()))
            });
        }
        self.cursor = Cursor::End;
        self.look_rights(realm, seq, user, None);
    }

    /// The rows of SERVICES as they are now, against those before.
    pub(super) fn see_services(&mut self, now: &Services, before: &Services) {
        self.cursor = Cursor::End;
        for row in before.keys().filter(|row| !now.contains_key(row)) {
            self.see(*row, None, None);
        }
        for (row, data) in now {
            let wanted = self.wants(data).then(|| data.clone());
            self.see(*row, wanted, before.get(row).map(|old| &**old));
        }
    }

    /// The heart of the push: the row as it is now, against what the client has.
    pub(super) fn see(
        &mut self,
        row: RowRef,
        data: Option<Arc<DataRow>>,
        before: Option<&DataRow>,
    ) {
        match (self.view.binary_search(&row), data) {
            (Err(at), Some(data)) if self.cursor.covers(row) => {
                if self.view.len() < self.wish.view_max {
                    self.view.insert(at, row);
                    self.put(row, Operation::Insert(data));
                } else {
                    // The view is full: MORE_ROWS finds the row once there is room.
                    self.cursor = row.checked_sub(1).map_or(Cursor::Start, Cursor::At);
                }
            }
            (Ok(at), None) => {
                self.view.remove(at);
                self.put(row, Operation::Delete);
            }
            (Ok(_), Some(data)) => {
                let shown = self.wish.columns & !self.wish.source.masked(&data);
                let mask = before.map_or(0, |before| data.difference(before)) & shown;
                if mask != 0 {
                    self.put(row, Operation::Modify(mask, data));
                }
            }
            (Err(_), _) => {}
        }
    }

    /// Conflation, by the table of PROTOCOL §6: the newest state of a row wins.
    fn put(&mut self, row: RowRef, new: Operation) {
        use Operation::{Delete, Insert, Modify};
        let (order, old) = match self.waiting.remove(&row) {
            Some((order, old)) => (order, Some(old)),
            None => (self.order, None),
        };
        self.weight -= old.as_ref().map_or(0, weight);
        let merged = match (old, new) {
            (None, new) => new,
            (Some(Insert(_)), Insert(data) | Modify(_, data)) => Insert(data),
            (Some(Insert(_)), Delete) => return,
            (Some(Modify(a, _)), Modify(b, data)) => Modify(a | b, data),
            (Some(Modify(..) | Delete), Delete) => Delete,
            (Some(Modify(..) | Delete), Insert(data) | Modify(_, data)) => Modify(u64::MAX, data),
        };
        self.order += 1;
        self.weight += weight(&merged);
        self.waiting.insert(row, (order, merged));
    }

    /// Reads one step of rows into the view. Says whether the wanted number is reached or the
    /// source ended.
    pub(super) fn read_step(&mut self, realm: &Realm, wanted: &mut usize) -> bool {
        let after = match self.cursor {
            Cursor::Start => None,
            Cursor::At(row) => Some(row),
            Cursor::End => return true,
        };
        let scanned = self.wish.source.scan(realm, after, self.user);
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
                self.see(row, Some(Arc::new(data)), None);
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
    pub(super) fn compare(&mut self, realm: &Realm) {
        for row in self.view.clone() {
            let data = self.visible(realm, row).map(Arc::new);
            self.see(row, data, None);
        }
        if self.held {
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
        self.owed = true;
    }

    /// What is known to be right up to this commit.
    pub(super) fn reflect(&mut self, seq: Seq) {
        self.version = self.version.max(seq);
    }

    /// The rows of the view in a range.
    pub(super) fn view_between(&self, from: RowRef, to: RowRef) -> Vec<RowRef> {
        let start = self.view.partition_point(|row| *row < from);
        self.view[start..].iter().copied().take_while(|row| *row <= to).collect()
    }

    /// Bytes that wait.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether there is something to send.
    pub(super) fn is_due(&self) -> bool {
        !self.held && (self.owed || !self.waiting.is_empty())
    }

    /// Takes the next QUERY_UPDATE, at most `rows_max` rows, in the order of their commits.
    pub(super) fn update(&mut self) -> String {
        let mut order: Vec<(u64, RowRef)> =
            self.waiting.iter().map(|(row, (order, _))| (*order, *row)).collect();
        order.sort_unstable();
        order.truncate(self.wish.rows_max);
        let complete = order.len() == self.waiting.len();
        let mut out = Vec::with_capacity(160 + 160 * order.len());
        protocol::envelope::head(&mut out, "QUERY_UPDATE", Some(&self.wish.source_ref));
        let more = !complete || self.cursor != Cursor::End;
        let (sequence, rows) = (self.sequence, order.len());
        self.sequence += 1;
        let head =
            format!(",\"SEQUENCE_ID\":{sequence},\"ROWS_COUNT\":{rows},\"MORE_ROWS\":{more}");
        out.extend_from_slice(head.as_bytes());
        if self.wish.source == Source::UserRights && complete {
            out.extend_from_slice(format!(",\"RIGHTS_VERSION\":{}", self.version).as_bytes());
        }
        out.extend_from_slice(b",\"ROW\":[");
        for (at, (_, row)) in order.iter().enumerate() {
            let Some((_, operation)) = self.waiting.remove(row) else { continue };
            self.weight -= weight(&operation);
            if at > 0 {
                out.push(b',');
            }
            operation.write(&mut out, self.wish.source, *row, self.wish.columns);
        }
        out.extend_from_slice(b"]}");
        self.owed = self.owed && !complete;
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Steps that a comparison reads at most while the feed waits for it.
const COMPARE_STEPS: usize = 8;

fn weight(operation: &Operation) -> usize {
    match operation {
        Operation::Insert(row) | Operation::Modify(_, row) => row.weight(),
        Operation::Delete => 64,
    }
}
