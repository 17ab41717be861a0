//! A scan of the records of a source in row order, step by step.

use super::data_row::RowRef;
use super::data_source::DataSource;
use super::source_record::{SourceRecord, low_bits, right_ref, split_right_ref};
use crate::realm::{ProfileNo, Realm, RightNo, Session, SessionNo, User, UserNo};

/// A scan step ends at this number of rows. A step of USER_RIGHTS can have more rows, because it
/// reads all rights of its last user. The read lock of the realm is released between steps, so that
/// a long scan does not delay commits.
pub const STEP_ROWS: usize = 512;

/// The result of one scan step.
pub(super) struct ScanPage<'r> {
    /// Existing records, in order. The filter and the rights of the owner are not applied yet.
    pub(super) records: Vec<SourceRecord<'r>>,
    /// The row after which the next step continues; `None` if the source has no more rows.
    pub(super) next: Option<RowRef>,
}

impl<'r> ScanPage<'r> {
    /// Reads one step: the next records after the row `after`, or from the beginning if `after` is
    /// `None`. If the rows of the source belong to users, reads only rows of `users`, which must be
    /// sorted; rows of all users if `users` is `None`.
    pub(super) fn read(
        realm: &'r Realm,
        source: DataSource,
        after: Option<RowRef>,
        users: Option<&[UserNo]>,
    ) -> Self {
        match users {
            Some(users) => Self::read_users(realm, source, after, users),
            None => Self::read_all(realm, source, after),
        }
    }

    fn read_users(
        realm: &'r Realm,
        source: DataSource,
        after: Option<RowRef>,
        users: &[UserNo],
    ) -> Self {
        let is_next = |row: RowRef| after.is_none_or(|at| row > at);
        match source {
            DataSource::UserRights => Self::read_rights_of(realm, after, users),
            DataSource::AllUsers => {
                let next_users = users.iter().filter(|user| is_next(user.0.into()));
                let existing = next_users.filter_map(|user| realm.user(*user));
                Self::first_of(existing.map(SourceRecord::User))
            }
            DataSource::ActiveSessions => {
                let sessions = users.iter().flat_map(|user| realm.sessions_of(*user));
                let mut sessions: Vec<&Session> =
                    sessions.filter(|session| is_next(session.no.0)).collect();
                sessions.sort_unstable_by_key(|session| session.no);
                Self::first_of(sessions.into_iter().map(SourceRecord::Session))
            }
            DataSource::ActiveCodes => {
                let codes = users.iter().flat_map(|user| realm.active_codes_of(*user));
                let mut rows: Vec<RowRef> = codes.filter(|row| is_next(*row)).collect();
                rows.sort_unstable();
                let find = |row| SourceRecord::find(realm, source, row);
                Self::first_of(rows.into_iter().filter_map(find))
            }
            // The rows of these sources belong to no user.
            DataSource::AllProfiles
            | DataSource::AllRights
            | DataSource::LoginAttempts
            | DataSource::AuditEvents
            | DataSource::Services => Self::read_all(realm, source, after),
        }
    }

    fn read_all(realm: &'r Realm, source: DataSource, after: Option<RowRef>) -> Self {
        let find = |row| SourceRecord::find(realm, source, row);
        match source {
            DataSource::UserRights => Self::read_all_rights(realm, after),
            DataSource::AllUsers => {
                let users = realm.users_after(after.map(|row| UserNo(low_bits(row))));
                Self::first_of(users.map(SourceRecord::User))
            }
            DataSource::AllProfiles => {
                let profiles = realm.profiles_after(after.map(|row| ProfileNo(low_bits(row))));
                Self::first_of(profiles.map(SourceRecord::Profile))
            }
            DataSource::AllRights => {
                let rights = realm.rights_after(after.map(|row| RightNo(low_bits(row))));
                Self::first_of(rights.map(SourceRecord::Right))
            }
            DataSource::ActiveSessions => {
                let sessions = realm.sessions_after(after.map(SessionNo));
                Self::first_of(sessions.map(SourceRecord::Session))
            }
            DataSource::ActiveCodes => {
                Self::first_of(realm.active_codes_after(after).filter_map(find))
            }
            DataSource::LoginAttempts => {
                Self::first_of(realm.attempts_after(after).filter_map(find))
            }
            // The rows of these sources are external.
            DataSource::AuditEvents | DataSource::Services => {
                Self { records: Vec::new(), next: None }
            }
        }
    }

    fn first_of(records: impl Iterator<Item = SourceRecord<'r>>) -> Self {
        let records: Vec<_> = records.take(STEP_ROWS).collect();
        let last = records.last().filter(|_| records.len() == STEP_ROWS);
        Self { next: last.map(|record| record.row_ref()), records }
    }

    /// Reads the rights of some users, one whole user after the other, until the step is full.
    fn read_rights_of(realm: &'r Realm, after: Option<RowRef>, users: &[UserNo]) -> Self {
        let mut records: Vec<SourceRecord<'r>> = Vec::new();
        let is_next = |user: &&UserNo| after.is_none_or(|at| right_ref(**user, RightNo::MAX) > at);
        for user in users.iter().filter(is_next) {
            if records.len() >= STEP_ROWS {
                return Self { next: records.last().map(|last| last.row_ref()), records };
            }
            let existing = realm.user(*user).into_iter();
            records.extend(existing.flat_map(|user| rights_of(realm, user, after)));
        }
        Self { records, next: None }
    }

    /// Reads the rights of all users, one whole user after the other, until the step has
    /// [`STEP_ROWS`] rows or has read as many users: users without rights must not make a step
    /// long.
    fn read_all_rights(realm: &'r Realm, after: Option<RowRef>) -> Self {
        let mut records = Vec::new();
        let before_current =
            after.and_then(|row| split_right_ref(row).0.0.checked_sub(1).map(UserNo));
        for (checked, user) in realm.users_after(before_current).enumerate() {
            if records.len() >= STEP_ROWS || checked >= STEP_ROWS {
                let before = UserNo(user.no.0.saturating_sub(1));
                return Self { records, next: Some(right_ref(before, RightNo::MAX)) };
            }
            records.extend(rights_of(realm, user, after));
        }
        Self { records, next: None }
    }
}

/// Returns the rights that a user holds, after the row `after`.
fn rights_of<'r>(
    realm: &'r Realm,
    user: &'r User,
    after: Option<RowRef>,
) -> impl Iterator<Item = SourceRecord<'r>> {
    let held = realm.rights_held_by(user).into_iter().filter_map(|no| realm.right(no));
    let is_next = move |right: RightNo| after.is_none_or(|at| right_ref(user.no, right) > at);
    held.filter(move |right| is_next(right.no)).map(|right| SourceRecord::UserRight(user, right))
}
