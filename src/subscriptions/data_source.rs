//! Data sources: which rows exist, who sees them, in which order they are read.

use std::collections::BTreeSet;

use protocol::filter::Column;

use super::columns::{self, LOGOUT_OTHERS, SESSION_ID};
use super::data_row::{DataRow, Field, RowRef};
use crate::realm::{ProfileNo, Realm, RightNo, SessionNo, UserNo};

/// What DATA_LOGON can subscribe to (PROTOCOL §6, §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
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
pub struct Scanned {
    /// The rows that exist, in order; criteria and permissions are not yet looked at.
    pub rows: Vec<RowRef>,
    /// After which row the next step goes on; none: the source ended.
    pub next: Option<RowRef>,
}

impl Source {
    /// All sources and their names on the wire; the first name of each is the usual one.
    pub const NAMES: &[(&str, Source)] = &[
        ("USER_RIGHTS", Source::UserRights),
        ("ALL_USER_RIGHTS", Source::UserRights),
        ("ALL_USERS", Source::AllUsers),
        ("ALL_PROFILES", Source::AllProfiles),
        ("ALL_RIGHTS", Source::AllRights),
        ("ACTIVE_SESSIONS", Source::ActiveSessions),
        ("USER_LOGIN_ATTEMPT", Source::LoginAttempts),
        ("MFA_ACTIVE_CODES", Source::ActiveCodes),
        ("AUDIT_EVENTS", Source::AuditEvents),
        ("SERVICES", Source::Services),
    ];

    /// The source of this name.
    pub fn of(name: &str) -> Option<Source> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }

    /// The fields of its rows.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Source::UserRights => &columns::USER_RIGHTS,
            Source::AllUsers => &columns::ALL_USERS,
            Source::AllProfiles => &columns::ALL_PROFILES,
            Source::AllRights => &columns::ALL_RIGHTS,
            Source::ActiveSessions => &columns::ACTIVE_SESSIONS,
            Source::LoginAttempts => &columns::LOGIN_ATTEMPTS,
            Source::ActiveCodes => &columns::ACTIVE_CODES,
            Source::AuditEvents => &columns::AUDIT_EVENTS,
            Source::Services => &columns::SERVICES,
        }
    }

    /// The right that shows all rows; whoever lacks it sees his own.
    pub fn right(self) -> Option<&'static str> {
        match self {
            Source::Services => None,
            Source::ActiveSessions => Some("VIEW_SESSIONS"),
            Source::LoginAttempts | Source::AuditEvents => Some("VIEW_AUDIT"),
            _ => Some("VIEW_USERS"),
        }
    }

    /// Whether it has no rows of one's own: without its right nobody may subscribe.
    pub fn is_closed(self) -> bool {
        matches!(self, Source::LoginAttempts | Source::AuditEvents)
    }

    /// The right that shows a column which is otherwise masked.
    pub fn unmasking(self) -> Option<&'static str> {
        (self == Source::ActiveSessions).then_some(LOGOUT_OTHERS)
    }

    /// The columns that are masked without that right, one bit each.
    pub(super) fn maskable(self) -> u64 {
        if self == Source::ActiveSessions { 1 << SESSION_ID } else { 0 }
    }

    /// The column that names the user whom a row belongs to, where rows belong to users.
    pub fn user_column(self) -> Option<usize> {
        match self {
            Source::UserRights | Source::ActiveSessions => Some(0),
            Source::AllUsers | Source::ActiveCodes => Some(1),
            _ => None,
        }
    }

    /// Sources whose rows belong to users.
    pub(super) const OF_USERS: [Source; 4] =
        [Source::UserRights, Source::AllUsers, Source::ActiveSessions, Source::ActiveCodes];

    /// The columns that hold the word by which rows are found: a right's code, a profile's name.
    pub(super) fn word_columns(self) -> &'static [usize] {
        match self {
            Source::UserRights => &[1, 2],
            Source::AllProfiles | Source::AllRights => &[1],
            Source::LoginAttempts => &[0],
            _ => &[],
        }
    }

    /// The word of a record's row, if the record exists.
    pub(super) fn word(self, realm: &Realm, row: RowRef) -> Option<Box<str>> {
        let word = match self {
            Source::AllProfiles => realm.profile(ProfileNo(low(row)))?.name.as_str(),
            Source::AllRights => realm.right(RightNo(low(row)))?.code.as_str(),
            Source::LoginAttempts => realm.attempts_at(row)?.0.as_str(),
            _ => return None,
        };
        Some(self.as_word(word))
    }

    /// The word of a row as it was.
    pub(super) fn word_of(self, row: &DataRow) -> Option<Box<str>> {
        match row.field(*self.word_columns().first()?) {
            Field::Text(text) => Some(self.as_word(text)),
            _ => None,
        }
    }

    /// Names are found in whatever case.
    fn as_word(self, text: &str) -> Box<str> {
        match self {
            Source::LoginAttempts => text.to_ascii_lowercase().into(),
            _ => text.into(),
        }
    }

    /// Whether `viewer` sees the row without the source's right: his own rows, and the profiles and
    /// rights that he has.
    pub fn is_own(self, realm: &Realm, viewer: UserNo, row: RowRef) -> bool {
        match self {
            Source::UserRights => right_row(row).0 == viewer,
            Source::AllUsers => user_row(row) == viewer,
            Source::AllProfiles => realm.is_member(ProfileNo(low(row)), viewer),
            Source::AllRights => realm.holds(viewer, RightNo(low(row))),
            Source::ActiveSessions => {
                realm.session(SessionNo(row)).is_some_and(|session| session.user == viewer)
            }
            Source::ActiveCodes => realm.active_code_at(row).is_some_and(|it| it.user == viewer),
            Source::LoginAttempts | Source::AuditEvents => false,
            Source::Services => true,
        }
    }

    /// The row as `viewer` may see it, if it exists.
    pub fn row(self, realm: &Realm, viewer: UserNo, row: RowRef) -> Option<DataRow> {
        match self {
            Source::UserRights => {
                let (user, right) = right_row(row);
                let (user, right) = (realm.user(user)?, realm.right(right)?);
                realm.is_held_by(user, right.no).then(|| columns::user_right(user, right))
            }
            Source::AllUsers => {
                realm.user(user_row(row)).map(|user| columns::all_users(realm, user))
            }
            Source::AllProfiles => realm.profile(ProfileNo(low(row))).map(columns::profile),
            Source::AllRights => realm.right(RightNo(low(row))).map(columns::right),
            Source::LoginAttempts => {
                realm.attempts_at(row).map(|(name, it)| columns::login_attempt(name, it))
            }
            Source::ActiveSessions => {
                let session = realm.session(SessionNo(row)).filter(|it| it.dormant.is_none())?;
                let with_id = session.user == viewer || realm.holds_code(viewer, LOGOUT_OTHERS);
                columns::active_session(realm, session, with_id)
            }
            Source::ActiveCodes => columns::active_code(realm, realm.active_code_at(row)?),
            // These rows are not the realm's.
            Source::AuditEvents | Source::Services => None,
        }
    }

    /// Columns of a row that its viewer may not see, one bit each: they are never "modified".
    pub(super) fn masked(self, data: &DataRow) -> u64 {
        let hidden = self == Source::ActiveSessions && *data.field(SESSION_ID) == Field::Null;
        if hidden { 1 << SESSION_ID } else { 0 }
    }

    /// Reads the next rows after `after`, at most about [`STEP_ROWS`]; only those of `users` if
    /// given, in order.
    pub fn scan(self, realm: &Realm, after: Option<RowRef>, users: Option<&[UserNo]>) -> Scanned {
        match (self, users) {
            (Source::UserRights, Some(users)) => scan_rights_of(realm, after, users),
            (Source::UserRights, None) => scan_rights(realm, after),
            (Source::AllUsers, Some(users)) => {
                let there = users.iter().filter(|user| realm.user(**user).is_some());
                let rows = there.map(|user| RowRef::from(user.0));
                step(rows.filter(|row| after.is_none_or(|at| *row > at)))
            }
            (Source::AllUsers, None) => {
                let users = realm.users_after(after.map(user_row));
                step(users.map(|user| RowRef::from(user.no.0)))
            }
            (Source::AllProfiles, _) => {
                let profiles = realm.profiles_after(after.map(|row| ProfileNo(low(row))));
                step(profiles.map(|profile| RowRef::from(profile.no.0)))
            }
            (Source::AllRights, _) => {
                let rights = realm.rights_after(after.map(|row| RightNo(low(row))));
                step(rights.map(|right| RowRef::from(right.no.0)))
            }
            (Source::ActiveSessions, Some(users)) => {
                let sessions = users.iter().flat_map(|user| realm.sessions_of(*user));
                let rows = sessions.map(|session| session.no.0);
                let rows: BTreeSet<_> =
                    rows.filter(|row| after.is_none_or(|at| *row > at)).collect();
                step(rows.into_iter())
            }
            (Source::ActiveSessions, None) => {
                step(realm.sessions_after(after.map(SessionNo)).map(|session| session.no.0))
            }
            (Source::ActiveCodes, Some(users)) => {
                let rows = users.iter().flat_map(|user| realm.active_codes_of(*user));
                let rows: BTreeSet<_> =
                    rows.filter(|row| after.is_none_or(|at| *row > at)).collect();
                step(rows.into_iter())
            }
            (Source::ActiveCodes, None) => step(realm.active_codes_after(after)),
            (Source::LoginAttempts, _) => step(realm.attempts_after(after)),
            (Source::AuditEvents | Source::Services, _) => Scanned { rows: Vec::new(), next: None },
        }
    }
}

fn step(rows: impl Iterator<Item = RowRef>) -> Scanned {
    let rows: Vec<_> = rows.take(STEP_ROWS).collect();
    let full = rows.len() == STEP_ROWS;
    Scanned { next: rows.last().copied().filter(|_| full), rows }
}

/// Rights of some users: whole users, until the step is full.
fn scan_rights_of(realm: &Realm, after: Option<RowRef>, users: &[UserNo]) -> Scanned {
    let mut rows: Vec<RowRef> = Vec::new();
    for user in
        users.iter().filter(|user| after.is_none_or(|at| right_ref(**user, RightNo::MAX) > at))
    {
        if rows.len() >= STEP_ROWS {
            return Scanned { next: rows.last().copied(), rows };
        }
        let rights = realm.effective(*user).into_iter().map(|right| right_ref(*user, right));
        rows.extend(rights.filter(|row| after.is_none_or(|at| *row > at)));
    }
    Scanned { rows, next: None }
}

/// Rights of all users: whole users, until the step is full of rows or of users without any.
fn scan_rights(realm: &Realm, after: Option<RowRef>) -> Scanned {
    let mut rows: Vec<RowRef> = Vec::new();
    let before_current = after.and_then(|row| right_row(row).0.0.checked_sub(1).map(UserNo));
    for (looked_at, user) in realm.users_after(before_current).enumerate() {
        if rows.len() >= STEP_ROWS || looked_at >= STEP_ROWS {
            let before = UserNo(user.no.0.saturating_sub(1));
            return Scanned { rows, next: Some(right_ref(before, RightNo::MAX)) };
        }
        let rights = realm.effective(user.no).into_iter().map(|right| right_ref(user.no, right));
        rows.extend(rights.filter(|row| after.is_none_or(|at| *row > at)));
    }
    Scanned { rows, next: None }
}

/// The reference of a USER_RIGHTS row.
pub fn right_ref(user: UserNo, right: RightNo) -> RowRef {
    RowRef::from(user.0) << 32 | RowRef::from(right.0)
}

fn right_row(row: RowRef) -> (UserNo, RightNo) {
    (UserNo((row >> 32) as u32), RightNo(low(row)))
}

fn user_row(row: RowRef) -> UserNo {
    UserNo(low(row))
}

fn low(row: RowRef) -> u32 {
    (row & RowRef::from(u32::MAX)) as u32
}
