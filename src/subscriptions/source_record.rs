//! The record that a row of a data source shows, and who may see it.

use protocol::UserName;

use super::columns::{self, LOGOUT_OTHERS};
use super::data_row::{DataRow, RowRef};
use super::data_source::DataSource;
use crate::realm::{
    ActiveCode, Attempts, Profile, ProfileNo, Realm, Right, RightNo, Session, SessionNo, User,
    UserNo,
};

/// The user who reads rows of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewer {
    pub(super) user: UserNo,
    /// Whether the user holds the right to see all rows of the source, or the source requires no
    /// right. Otherwise the user sees only own rows.
    pub(super) sees_all: bool,
}

/// A record that a row may show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SourceRecord<'r> {
    /// A right that the user holds.
    UserRight(&'r User, &'r Right),
    User(&'r User),
    Profile(&'r Profile),
    Right(&'r Right),
    /// A session. A dormant session is a record, too, but no row shows it.
    Session(&'r Session),
    /// The ROW_REF, the user name that was tried, and the failed attempts.
    LoginAttempts(RowRef, &'r UserName, &'r Attempts),
    ActiveCode(&'r ActiveCode),
}

impl Viewer {
    /// Creates the viewer for a user, with the rights that the user has now.
    pub(crate) fn new(realm: &Realm, source: DataSource, user: UserNo) -> Self {
        let right = source.view_right();
        Self { user, sees_all: right.is_none_or(|right| realm.holds_code(user, right)) }
    }
}

impl<'r> SourceRecord<'r> {
    /// Returns the record of a row; `None` if no record exists.
    pub(super) fn find(realm: &'r Realm, source: DataSource, row: RowRef) -> Option<Self> {
        Some(match source {
            DataSource::UserRights => {
                let (user, right) = split_right_ref(row);
                let (user, right) = (realm.user(user)?, realm.right(right)?);
                let is_held = realm.is_held_by(user, right.no);
                is_held.then_some(SourceRecord::UserRight(user, right))?
            }
            DataSource::AllUsers => SourceRecord::User(realm.user(UserNo(low_bits(row)))?),
            DataSource::AllProfiles => {
                SourceRecord::Profile(realm.profile(ProfileNo(low_bits(row)))?)
            }
            DataSource::AllRights => SourceRecord::Right(realm.right(RightNo(low_bits(row)))?),
            DataSource::ActiveSessions => SourceRecord::Session(realm.session(SessionNo(row))?),
            DataSource::LoginAttempts => {
                let (name, attempts) = realm.attempts_at(row)?;
                SourceRecord::LoginAttempts(row, name, attempts)
            }
            DataSource::ActiveCodes => SourceRecord::ActiveCode(realm.active_code_at(row)?),
            // The rows of these sources are external.
            DataSource::AuditEvents | DataSource::Services => return None,
        })
    }

    /// Returns the ROW_REF of the row that shows the record.
    pub(crate) fn row_ref(self) -> RowRef {
        match self {
            SourceRecord::UserRight(user, right) => right_ref(user.no, right.no),
            SourceRecord::User(user) => user.no.0.into(),
            SourceRecord::Profile(profile) => profile.no.0.into(),
            SourceRecord::Right(right) => right.no.0.into(),
            SourceRecord::Session(session) => session.no.0,
            SourceRecord::LoginAttempts(row, ..) => row,
            SourceRecord::ActiveCode(code) => code.no,
        }
    }

    /// Returns the key by which the index finds the subscriptions to `source` that may show this
    /// record: the code of a right, the name of a profile, or the user name that was tried. `None`
    /// for users and for records of a user: their subscriptions are found by user.
    pub(super) fn index_key(self, source: DataSource) -> Option<Box<str>> {
        let key = match self {
            SourceRecord::Profile(profile) => profile.name.as_str(),
            SourceRecord::Right(right) => right.code.as_str(),
            SourceRecord::LoginAttempts(_, name, _) => name.as_str(),
            SourceRecord::UserRight(..)
            | SourceRecord::User(_)
            | SourceRecord::Session(_)
            | SourceRecord::ActiveCode(_) => return None,
        };
        Some(source.normalize_key(key))
    }

    /// Whether `user` may see the row without the view right of its source, because the record is
    /// the user's own, or is a profile or right that the user has.
    pub(super) fn belongs_to(self, realm: &Realm, user: UserNo) -> bool {
        match self {
            SourceRecord::UserRight(holder, _) => holder.no == user,
            SourceRecord::User(record) => record.no == user,
            SourceRecord::Profile(profile) => realm.is_member(profile.no, user),
            SourceRecord::Right(right) => realm.holds(user, right.no),
            SourceRecord::Session(session) => session.user == user,
            SourceRecord::ActiveCode(code) => code.user == user,
            SourceRecord::LoginAttempts(..) => false,
        }
    }

    /// Returns the row as `viewer` may see it; `None` if the viewer may not see it, or if no row
    /// shows the record.
    pub(crate) fn row_for(self, realm: &Realm, viewer: Viewer) -> Option<DataRow> {
        if !viewer.sees_all && !self.belongs_to(realm, viewer.user) {
            return None;
        }
        match self {
            SourceRecord::UserRight(user, right) => Some(columns::user_right_row(user, right)),
            SourceRecord::User(user) => Some(columns::user_row(realm, user)),
            SourceRecord::Profile(profile) => Some(columns::profile_row(profile)),
            SourceRecord::Right(right) => Some(columns::right_row(right)),
            SourceRecord::LoginAttempts(_, name, attempts) => {
                Some(columns::login_attempts_row(name, attempts))
            }
            SourceRecord::Session(session) if session.dormant.is_some() => None,
            SourceRecord::Session(session) => {
                let with_id =
                    session.user == viewer.user || realm.holds_code(viewer.user, LOGOUT_OTHERS);
                columns::active_session_row(realm, session, with_id)
            }
            SourceRecord::ActiveCode(code) => columns::active_code_row(realm, code),
        }
    }
}

/// Returns the ROW_REF of a USER_RIGHTS row.
pub(super) fn right_ref(user: UserNo, right: RightNo) -> RowRef {
    RowRef::from(user.0) << 32 | RowRef::from(right.0)
}

/// Returns the user and the right of a USER_RIGHTS row.
pub(super) fn split_right_ref(row: RowRef) -> (UserNo, RightNo) {
    (UserNo((row >> 32) as u32), RightNo(low_bits(row)))
}

pub(super) fn low_bits(row: RowRef) -> u32 {
    (row & RowRef::from(u32::MAX)) as u32
}
