//! Data sources: their names and columns, and the keys and rights of their rows.

use protocol::filter::Column;

use super::columns::{self, LOGOUT_OTHERS, SESSION_ID};
use super::data_row::{COLUMNS_MAX, DataRow, FieldValue};

/// A data source to which DATA_LOGON can subscribe.
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
    /// User names with failed login attempts.
    LoginAttempts,
    /// Active codes, which replace a mailed link as second factor.
    ActiveCodes,
    /// The audit trail, newest first.
    AuditEvents,
    /// Services to connect to, one row for each host.
    Services,
}

// A set of columns is a `u64` with one bit for each column.
const _: () = {
    let mut at = 0;
    while at < DataSource::NAMES.len() {
        assert!(DataSource::NAMES[at].1.columns().len() <= COLUMNS_MAX);
        at += 1;
    }
};

impl DataSource {
    /// All sources by their wire names; the first name of a source is the usual one.
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

    /// Returns the source with this name; `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<DataSource> {
        Self::NAMES.iter().find(|(wire_name, _)| *wire_name == name).map(|(_, source)| *source)
    }

    /// Returns a description of the rows of the source, for documentation.
    pub fn summary(self) -> &'static str {
        match self {
            DataSource::UserRights => {
                "The rights that users have, directly or through profiles: one row for each user \
                 and right."
            }
            DataSource::AllUsers => "Users.",
            DataSource::AllProfiles => "Profiles.",
            DataSource::AllRights => "Rights.",
            DataSource::ActiveSessions => "Live sessions.",
            DataSource::LoginAttempts => {
                "User names with failed logins. A successful login clears the failures of its \
                 user name; with `retry.scope = \"user_and_address\"` in the configuration, only \
                 those from its address or network."
            }
            DataSource::ActiveCodes => {
                "Active codes, which replace a mailed link as second factor. The codes themselves \
                 are not shown."
            }
            DataSource::AuditEvents => {
                "The audit trail: existing rows, newest first, then each new row."
            }
            DataSource::Services => "Services to connect to: one row for each host.",
        }
    }

    /// Returns which rows a user sees without the right of `view_right`, for documentation.
    pub fn own_rows(self) -> &'static str {
        match self {
            DataSource::UserRights => "their own rights",
            DataSource::AllUsers => "their own record",
            DataSource::AllProfiles => "the profiles that they are in",
            DataSource::AllRights => "the rights that they have",
            DataSource::ActiveSessions => "their own sessions",
            DataSource::ActiveCodes => "their own codes",
            DataSource::LoginAttempts | DataSource::AuditEvents => {
                "no rows: DATA_LOGON is refused (NOT_AUTHORISED)"
            }
            DataSource::Services => "all rows",
        }
    }

    /// Returns the columns of the source.
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

    /// Returns the right to see all rows, without which users see only their own rows; `None` if
    /// all users see all rows.
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

    /// Whether only users with the right of `view_right` may subscribe, because other users would
    /// see no rows.
    pub fn requires_right(self) -> bool {
        matches!(self, DataSource::LoginAttempts | DataSource::AuditEvents)
    }

    /// Returns the right that unmasks columns; `None` if the source has no masked columns.
    pub fn unmask_right(self) -> Option<&'static str> {
        (self == DataSource::ActiveSessions).then_some(LOGOUT_OTHERS)
    }

    /// Returns the columns that are masked without the right of `unmask_right`, one bit each.
    pub(super) fn maskable_columns(self) -> u64 {
        if self == DataSource::ActiveSessions { 1 << SESSION_ID } else { 0 }
    }

    /// Returns the names of the columns that are masked without the right of `unmask_right`.
    pub fn maskable_names(self) -> impl Iterator<Item = &'static str> {
        let mask = self.maskable_columns();
        let numbered = self.columns().iter().enumerate();
        numbered.filter(move |(at, _)| mask & (1 << at) != 0).map(|(_, column)| column.name)
    }

    /// Returns the column that names the user who owns a row; `None` if no user owns rows.
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

    /// Returns the columns with the key of a row: the code of a right, the name of a profile, the
    /// user name that was tried. If there are several columns, their values are equal. Empty if
    /// rows have no key.
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

    /// Returns the key of a row. Except for USER_RIGHTS, this is what `SourceRecord::index_key`
    /// returns for the record of the row.
    pub(super) fn index_key_in(self, row: &DataRow) -> Option<Box<str>> {
        match row.field(*self.key_columns().first()?) {
            FieldValue::Text(text) => Some(self.normalize_key(text)),
            _ => None,
        }
    }

    /// Returns the form in which keys are compared: for user names that were tried, lower case.
    pub(super) fn normalize_key(self, text: &str) -> Box<str> {
        match self {
            DataSource::LoginAttempts => text.to_ascii_lowercase().into(),
            _ => text.into(),
        }
    }

    /// Returns the columns of a row that are masked for its viewer, one bit each. Changes of the
    /// values of masked columns are not reported.
    pub(super) fn masked_columns(self, data: &DataRow) -> u64 {
        let hidden =
            self == DataSource::ActiveSessions && *data.field(SESSION_ID) == FieldValue::Null;
        if hidden { 1 << SESSION_ID } else { 0 }
    }
}
