//! Data sources: which rows exist, who sees them, in which order they are read.

use std::collections::BTreeSet;

use protocol::filter::Column;

use super::columns::{self, LOGOUT_OTHERS, SESSION_ID};
use super::data_row::{DataRow, FieldValue, RowRef};
use crate::realm::{ProfileNo, Realm, RightNo, SessionNo, UserNo};

/// What DATA_LOGON can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataSource {
    /// Effective rights, one row for each user and code.
    UserRights,
    /// Users with their attributes.
    AllUsers,
    /// Profiles.
    AllProfiles,
    /// Rights.
    AllRights,
    /// Live sessions.
    ActiveSessions,
    /// Names with wrong passwords.
    LoginAttempts,
    /// Codes that stand for second factors.
    ActiveCodes,
    /// The audit trail, newest first.
    AuditEvents,
    /// Services to connect to, one row a host.
    Services,
}

/// Rows of one step of a scan; between steps the realm's guard is given back.
pub const STEP_ROWS: usize = 512;

/// One step of reading a source in order.
pub struct ScanPage {
    /// The rows that exist, in order; criteria and permissions are not yet looked at.
    pub rows: Vec<RowRef>,
    /// After which row the next step goes on; none: the source ended.
    pub next: Option<RowRef>,
}

impl DataSource {
    /// All sources and their names on the wire; the first name of each is the usual one.
    pub const NAMES: &[(&str, DataSource)] = &[
        ("USER_RIGHTS", DataSource::UserRights),
        ("ALL_USER_RIGHTS", DataSource::UserRights),
        ("ALL_USERS", DataSource::AllUsers),
        ("ALL_PROFILES", DataSource::AllProfiles),
        ("ALL_RIGHTS", DataSource::AllRights),
        ("ACTIVE_SESSIONS", DataSource::ActiveSessions),
        ("USER_LOGIN_ATTEMPT", DataSource::LoginAttempts),
        ("MFA_ACTIVE_CODES", DataSource::ActiveCodes),
        ("AUDIT_EVENTS", DataSource::AuditEvents),
        ("SERVICES", DataSource::Services),
    ];

    /// The source of this name.
    pub fn from_name(name: &str) -> Option<DataSource> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }

    /// The fields of its rows.
    pub fn columns(self) -> &'static [Column] {
        match self {
            DataSource::UserRights => &columns::USER_RIGHTS,
            DataSource::AllUsers => &columns::ALL_USERS,
            DataSource::AllProfiles => &columns::ALL_PROFILES,
            DataSource::AllRights => &columns::ALL_RIGHTS,
            DataSource::ActiveSessions => &columns::ACTIVE_SESSIONS,
            DataSource::LoginAttempts => &columns::LOGIN_ATTEMPTS,
            DataSource::ActiveCodes => &columns::ACTIVE_CODES,
            DataSource::AuditEvents => &columns::AUDIT_EVENTS,
            DataSource::Services => &columns::SERVICES,
        }
    }

    /// The right that shows all rows; whoever lacks it sees his own.
    pub fn view_right(self) -> Option<&'static str> {
        match self {
            DataSource::Services => None,
            DataSource::ActiveSessions => Some("VIEW_SESSIONS"),
            DataSource::LoginAttempts | DataSource::AuditEvents => Some("VIEW_AUDIT"),
            _ => Some("VIEW_USERS"),
        }
    }

    /// Whether it has no rows of one's own: without its right nobody may subscribe.
    pub fn requires_right(self) -> bool {
        matches!(self, DataSource::LoginAttempts | DataSource::AuditEvents)
    }

    /// The right that shows a column which is otherwise masked.
    pub fn unmask_right(self) -> Option<&'static str> {
        (self == DataSource::ActiveSessions).then_some(LOGOUT_OTHERS)
    }

    /// The columns that are masked without that right, one bit each.
    pub(super) fn maskable_columns(self) -> u64 {
        if self == DataSource::ActiveSessions { 1 << SESSION_ID } else { 0 }
    }

    /// The column that names the user whom a row belongs to, where rows belong to users.
    pub fn user_column(self) -> Option<usize> {
        match self {
            DataSource::UserRights | DataSource::ActiveSessions => Some(0),
            DataSource::AllUsers | DataSource::ActiveCodes => Some(1),
            _ => None,
        }
    }

    /// Sources whose rows belong to users.
    pub(super) const WITH_USER_ROWS: [DataSource; 4] = [
        DataSource::UserRights,
        DataSource::AllUsers,
        DataSource::ActiveSessions,
        DataSource::ActiveCodes,
    ];

    /// The columns that hold the word by which rows are found: a right's code, a profile's name.
    pub(super) fn key_columns(self) -> &'static [usize] {
        match self {
            DataSource::UserRights => &[1, 2],
            DataSource::AllProfiles | DataSource::AllRights => &[1],
            DataSource::LoginAttempts => &[0],
            _ => &[],
        }
    }

    /// The word of a record's row, if the record exists.
    pub(super) fn index_key(self, realm: &Realm, row: RowRef) -> Option<Box<str>> {
        let key = match self {
            DataSource::AllProfiles => realm.profile(ProfileNo(low_bits(row)))?.name.as_str(),
            DataSource::AllRights => realm.right(RightNo(low_bits(row)))?.code.as_str(),
            DataSource::LoginAttempts => realm.attempts_at(row)?.0.as_str(),
            _ => return None,
        };
        Some(self.normalize_key(key))
    }

    /// The word of a row as it was.
    pub(super) fn index_key_in(self, row: &DataRow) -> Option<Box<str>> {
        match row.field(*self.key_columns().first()?) {
            FieldValue::Text(text) => Some(self.normalize_key(text)),
            _ => None,
        }
    }

    /// Names are found in whatever case.
    fn normalize_key(self, text: &str) -> Box<str> {
        match self {
            DataSource::LoginAttempts => text.to_ascii_lowercase().into(),
            _ => text.into(),
        }
    }

    /// Whether `viewer` sees the row without the source's right: his own rows, and the profiles and
    /// rights that he has.
    pub fn belongs_to(self, realm: &Realm, viewer: UserNo, row: RowRef) -> bool {
        match self {
            DataSource::UserRights => split_right_ref(row).0 == viewer,
            DataSource::AllUsers => user_no(row) == viewer,
            DataSource::AllProfiles => realm.is_member(ProfileNo(low_bits(row)), viewer),
            DataSource::AllRights => realm.holds(viewer, RightNo(low_bits(row))),
            DataSource::ActiveSessions => {
                realm.session(SessionNo(row)).is_some_and(|session| session.user == viewer)
            }
            DataSource::ActiveCodes => {
                realm.active_code_at(row).is_some_and(|it| it.user == viewer)
            }
            DataSource::LoginAttempts | DataSource::AuditEvents => false,
            DataSource::Services => true,
        }
    }

    /// The row as `viewer` may see it, if it exists.
    pub fn row(self, realm: &Realm, viewer: UserNo, row: RowRef) -> Option<DataRow> {
        match self {
            DataSource::UserRights => {
                let (user, right) = split_right_ref(row);
                let (user, right) = (realm.user(user)?, realm.right(right)?);
                realm.is_held_by(user, right.no).then(|| columns::user_right_row(user, right))
            }
            DataSource::AllUsers => {
                realm.user(user_no(row)).map(|user| columns::user_row(realm, user))
            }
            DataSource::AllProfiles => {
                realm.profile(ProfileNo(low_bits(row))).map(columns::profile_row)
            }
            DataSource::AllRights => realm.right(RightNo(low_bits(row))).map(columns::right_row),
            DataSource::LoginAttempts => {
                realm.attempts_at(row).map(|(name, it)| columns::login_attempts_row(name, it))
            }
            DataSource::ActiveSessions => {
                let session = realm.session(SessionNo(row)).filter(|it| it.dormant.is_none())?;
                let with_id = session.user == viewer || realm.holds_code(viewer, LOGOUT_OTHERS);
                columns::active_session_row(realm, session, with_id)
            }
            DataSource::ActiveCodes => columns::active_code_row(realm, realm.active_code_at(row)?),
            // These rows are not the realm's.
            DataSource::AuditEvents | DataSource::Services => None,
        }
    }

    /// Columns of a row that its viewer may not see, one bit each: they are never "modified".
    pub(super) fn masked_columns(self, data: &DataRow) -> u64 {
        let hidden =
            self == DataSource::ActiveSessions && *data.field(SESSION_ID) == FieldValue::Null;
        if hidden { 1 << SESSION_ID } else { 0 }
    }

    /// Reads the next rows after `after`, at most about [`STEP_ROWS`]; only those of `users` if
    /// given, in order.
    pub fn scan(self, realm: &Realm, after: Option<RowRef>, users: Option<&[UserNo]>) -> ScanPage {
        match (self, users) {
            (DataSource::UserRights, Some(users)) => scan_rights_of_users(realm, after, users),
            (DataSource::UserRights, None) => scan_rights(realm, after),
            (DataSource::AllUsers, Some(users)) => {
                let existing = users.iter().filter(|user| realm.user(**user).is_some());
                let rows = existing.map(|user| RowRef::from(user.0));
                page(rows.filter(|row| after.is_none_or(|at| *row > at)))
            }
            (DataSource::AllUsers, None) => {
                let users = realm.users_after(after.map(user_no));
                page(users.map(|user| RowRef::from(user.no.0)))
            }
            (DataSource::AllProfiles, _) => {
                let profiles = realm.profiles_after(after.map(|row| ProfileNo(low_bits(row))));
                page(profiles.map(|profile| RowRef::from(profile.no.0)))
            }
            (DataSource::AllRights, _) => {
                let rights = realm.rights_after(after.map(|row| RightNo(low_bits(row))));
                page(rights.map(|right| RowRef::from(right.no.0)))
            }
            (DataSource::ActiveSessions, Some(users)) => {
                let sessions = users.iter().flat_map(|user| realm.sessions_of(*user));
                let rows = sessions.map(|session| session.no.0);
                let rows: BTreeSet<_> =
                    rows.filter(|row| after.is_none_or(|at| *row > at)).collect();
                page(rows.into_iter())
            }
            (DataSource::ActiveSessions, None) => {
                page(realm.sessions_after(after.map(SessionNo)).map(|session| session.no.0))
            }
            (DataSource::ActiveCodes, Some(users)) => {
                let rows = users.iter().flat_map(|user| realm.active_codes_of(*user));
                let rows: BTreeSet<_> =
                    rows.filter(|row| after.is_none_or(|at| *row > at)).collect();
                page(rows.into_iter())
            }
            (DataSource::ActiveCodes, None) => page(realm.active_codes_after(after)),
            (DataSource::LoginAttempts, _) => page(realm.attempts_after(after)),
            (DataSource::AuditEvents | DataSource::Services, _) => {
                ScanPage { rows: Vec::new(), next: None }
            }
        }
    }
}

fn page(rows: impl Iterator<Item = RowRef>) -> ScanPage {
    let rows: Vec<_> = rows.take(STEP_ROWS).collect();
    let full = rows.len() == STEP_ROWS;
    ScanPage { next: rows.last().copied().filter(|_| full), rows }
}

/// Rights of some users: whole users, until the step is full.
fn scan_rights_of_users(realm: &Realm, after: Option<RowRef>, users: &[UserNo]) -> ScanPage {
    let mut rows: Vec<RowRef> = Vec::new();
    for user in
        users.iter().filter(|user| after.is_none_or(|at| right_ref(**user, RightNo::MAX) > at))
    {
        if rows.len() >= STEP_ROWS {
            return ScanPage { next: rows.last().copied(), rows };
        }
        let rights = realm.effective(*user).into_iter().map(|right| right_ref(*user, right));
        rows.extend(rights.filter(|row| after.is_none_or(|at| *row > at)));
    }
    ScanPage { rows, next: None }
}

/// Rights of all users: whole users, until the step is full of rows or of users without any.
fn scan_rights(realm: &Realm, after: Option<RowRef>) -> ScanPage {
    let mut rows: Vec<RowRef> = Vec::new();
    let before_current = after.and_then(|row| split_right_ref(row).0.0.checked_sub(1).map(UserNo));
    for (checked, user) in realm.users_after(before_current).enumerate() {
        if rows.len() >= STEP_ROWS || checked >= STEP_ROWS {
            let before = UserNo(user.no.0.saturating_sub(1));
            return ScanPage { rows, next: Some(right_ref(before, RightNo::MAX)) };
        }
        let rights = realm.effective(user.no).into_iter().map(|right| right_ref(user.no, right));
        rows.extend(rights.filter(|row| after.is_none_or(|at| *row > at)));
    }
    ScanPage { rows, next: None }
}

/// The reference of a USER_RIGHTS row.
pub fn right_ref(user: UserNo, right: RightNo) -> RowRef {
    RowRef::from(user.0) << 32 | RowRef::from(right.0)
}

fn split_right_ref(row: RowRef) -> (UserNo, RightNo) {
    (UserNo((row >> 32) as u32), RightNo(low_bits(row)))
}

fn user_no(row: RowRef) -> UserNo {
    UserNo(low_bits(row))
}

fn low_bits(row: RowRef) -> u32 {
    (row & RowRef::from(u32::MAX)) as u32
}
