//! The affected rows as they were before a commit.

use std::collections::{BTreeMap, BTreeSet};

use super::data_row::{DataRow, RowRef};
use super::data_source::DataSource;
use super::source_record::{SourceRecord, Viewer};
use crate::realm::{Change, Key, ProfileNo, Realm, Row, SessionNo, UserNo, attempts_ref};

/// The sources whose rows are records of the realm, one row for each record.
pub(super) const RECORD_SOURCES: [DataSource; 6] = [
    DataSource::AllUsers,
    DataSource::AllProfiles,
    DataSource::AllRights,
    DataSource::ActiveSessions,
    DataSource::ActiveCodes,
    DataSource::LoginAttempts,
];

/// The row of a record before the commit, and the user who owns that row.
#[derive(Debug)]
pub(crate) struct RowBefore {
    pub(super) row: Option<DataRow>,
    pub(super) user: Option<UserNo>,
}

/// What the publication of a commit needs from the realm before the commit.
#[derive(Debug, Default)]
pub(crate) struct RowsBefore {
    /// The rows that the commit may change, as they were before; only rows of sources with
    /// subscriptions.
    pub(super) rows: BTreeMap<(DataSource, RowRef), RowBefore>,
    /// The users who may gain or lose any right.
    pub(super) users: BTreeSet<UserNo>,
    /// The profiles that the commit enabled or disabled.
    pub(super) toggled: BTreeSet<ProfileNo>,
}

impl RowsBefore {
    pub(super) fn collect(realm: &Realm, changes: &[Change], sources: &[DataSource]) -> Self {
        let mut before = Self::default();
        for change in changes {
            before.add_users_and_profiles(realm, change);
            let (source, row, user) = match record_row(change) {
                Some((DataSource::ActiveSessions, row)) => {
                    let user = match change {
                        Change::Put(Row::Session(session)) => Some(session.user),
                        _ => realm.session(SessionNo(row)).map(|session| session.user),
                    };
                    if let Some(user) = user {
                        // A change of a session may change ONLINE, a field of the user's row.
                        before.add_row(
                            realm,
                            sources,
                            DataSource::AllUsers,
                            RowRef::from(user.0),
                            Some(user),
                        );
                    }
                    (DataSource::ActiveSessions, row, user)
                }
                Some((DataSource::AllUsers, row)) => {
                    (DataSource::AllUsers, row, Some(UserNo(row as u32)))
                }
                Some((DataSource::ActiveCodes, row)) => {
                    let user = match change {
                        Change::Put(Row::ActiveCode(code)) => Some(code.user),
                        _ => realm.active_code_at(row).map(|code| code.user),
                    };
                    (DataSource::ActiveCodes, row, user)
                }
                Some((source, row)) => (source, row, None),
                None => continue,
            };
            before.add_row(realm, sources, source, row, user);
        }
        before
    }

    fn add_row(
        &mut self,
        realm: &Realm,
        sources: &[DataSource],
        source: DataSource,
        row: RowRef,
        user: Option<UserNo>,
    ) {
        if sources.contains(&source) {
            // The whole row is collected, as the user who owns it sees it. Columns that a
            // subscriber may not see are masked when the row is compared with the subscription.
            let viewer = Viewer { user: user.unwrap_or(UserNo::MIN), sees_all: true };
            let row_before = || {
                let record = SourceRecord::find(realm, source, row);
                RowBefore { row: record.and_then(|record| record.row_for(realm, viewer)), user }
            };
            self.rows.entry((source, row)).or_insert_with(row_before);
        }
    }

    fn add_users_and_profiles(&mut self, realm: &Realm, change: &Change) {
        match change {
            Change::Put(Row::User(user))
                if realm.user(user.no).map(|user_before| user_before.status)
                    != Some(user.status) =>
            {
                self.users.insert(user.no);
            }
            Change::Put(Row::Member(_, user) | Row::Direct(user, _))
            | Change::Delete(Key::Member(_, user) | Key::Direct(user, _) | Key::User(user)) => {
                self.users.insert(*user);
            }
            Change::Put(Row::Profile(profile)) => {
                let status_before =
                    realm.profile(profile.no).map(|profile_before| profile_before.status);
                if status_before.is_some_and(|status_before| status_before != profile.status) {
                    self.toggled.insert(profile.no);
                }
            }
            _ => {}
        }
    }
}

/// Returns the source and the row of the record that a change affects; `None` if no source shows
/// the record.
fn record_row(change: &Change) -> Option<(DataSource, RowRef)> {
    Some(match change {
        Change::Put(Row::User(user)) => (DataSource::AllUsers, user.no.0.into()),
        Change::Delete(Key::User(no)) => (DataSource::AllUsers, no.0.into()),
        Change::Put(Row::Profile(profile)) => (DataSource::AllProfiles, profile.no.0.into()),
        Change::Delete(Key::Profile(no)) => (DataSource::AllProfiles, no.0.into()),
        Change::Put(Row::Right(right)) => (DataSource::AllRights, right.no.0.into()),
        Change::Delete(Key::Right(no)) => (DataSource::AllRights, no.0.into()),
        Change::Put(Row::Session(session)) => (DataSource::ActiveSessions, session.no.0),
        Change::Delete(Key::Session(no)) => (DataSource::ActiveSessions, no.0),
        Change::Put(Row::ActiveCode(code)) => (DataSource::ActiveCodes, code.no),
        Change::Delete(Key::ActiveCode(no)) => (DataSource::ActiveCodes, *no),
        Change::Put(Row::Attempts(name, _)) | Change::Delete(Key::Attempts(name)) => {
            (DataSource::LoginAttempts, attempts_ref(name))
        }
        _ => return None,
    })
}
