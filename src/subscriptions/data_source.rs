//! Data sources: their names, their columns, the keys and the rights of their rows.

use protocol::filter::Column;

use super::columns::{self, LOGOUT_OTHERS, SESSION_ID};
use super::data_row::{COLUMNS_MAX, DataRow, FieldValue};

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

// A set of columns is a `u64` with one bit for each.
const _: () = {
    let mut at = 0;
    while at < DataSource::NAMES.len() {
        assert!(DataSource::NAMES[at].1.columns().len() <= COLUMNS_MAX);
        at += 1;
    }
};

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
    pub const fn columns(self) -> &'static [Column] {
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

    /// The right that shows all rows; users without it see their own.
    pub fn view_right(self) -> Option<&'static str> {
        match self {
            DataSource::Services => None,
            DataSource::ActiveSessions => Some("VIEW_SESSIONS"),
            DataSource::LoginAttempts | DataSource::AuditEvents => Some("VIEW_AUDIT"),
            DataSource::UserRights
            | DataSource::AllUsers
            | DataSource::AllProfiles
            | DataSource::AllRights
            | DataSource::ActiveCodes => Some("VIEW_USERS"),
        }
    }

    /// Whether only users with its right may subscribe: it has no rows of the user's own.
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
            DataSource::AllProfiles
            | DataSource::AllRights
            | DataSource::LoginAttempts
            | DataSource::AuditEvents
            | DataSource::Services => None,
        }
    }

    /// Sources whose rows belong to users.
    pub(super) const WITH_USER_ROWS: [DataSource; 4] = [
        DataSource::UserRights,
        DataSource::AllUsers,
        DataSource::ActiveSessions,
        DataSource::ActiveCodes,
    ];

    /// The columns that hold the key by which rows are found: a right's code, a profile's name, the
    /// name that was tried.
    pub(super) fn key_columns(self) -> &'static [usize] {
        match self {
            DataSource::UserRights => &[1, 2],
            DataSource::AllProfiles | DataSource::AllRights => &[1],
            DataSource::LoginAttempts => &[0],
            DataSource::AllUsers
            | DataSource::ActiveSessions
            | DataSource::ActiveCodes
            | DataSource::AuditEvents
            | DataSource::Services => &[],
        }
    }

    /// The key of a row, as [`SourceRecord::index_key`](super::SourceRecord) gives it for a record.
    pub(super) fn index_key_in(self, row: &DataRow) -> Option<Box<str>> {
        match row.field(*self.key_columns().first()?) {
            FieldValue::Text(text) => Some(self.normalize_key(text)),
            _ => None,
        }
    }

    /// The form in which keys are compared: the name that was tried is found in whatever case.
    pub(super) fn normalize_key(self, text: &str) -> Box<str> {
        match self {
            DataSource::LoginAttempts => text.to_ascii_lowercase().into(),
            _ => text.into(),
        }
    }

    /// Columns of a row that its viewer may not see, one bit each: they are never "modified".
    pub(super) fn masked_columns(self, data: &DataRow) -> u64 {
        let hidden =
            self == DataSource::ActiveSessions && *data.field(SESSION_ID) == FieldValue::Null;
        if hidden { 1 << SESSION_ID } else { 0 }
    }
}
