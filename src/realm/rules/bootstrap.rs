//! Bootstrap of rights, profile and first administrator; restoring of exported rows.

use protocol::{Description, ProfileName};

use crate::realm::command::Bootstrap;
use crate::realm::model::{
    FIRST_BOOTSTRAP_NO, Location, Millis, Profile, ProfileNo, ProfileStatus, Right, RightNo, UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row, StoredRow};
use crate::realm::state::Realm;

impl Realm {
    /// Creates missing records and keeps existing records. Refused if a user has the name of the
    /// administrator to create. The numbers of the created records start at `FIRST_BOOTSTRAP_NO`,
    /// which is displayed as 90000000000001 in ids.
    pub(in crate::realm) fn bootstrap(&self, at: Millis, bootstrap: &Bootstrap) -> Applied {
        let mut counters = self.counters.clone();
        let mut changes = Vec::new();
        let mut next = || {
            // Skips numbers that are taken: a client that inserts a right may choose its id, and so
            // its number. If an administration right got this number, the holders of the client's
            // right would gain the administration right.
            while self.rights.contains_key(&RightNo(FIRST_BOOTSTRAP_NO + counters.bootstrapped)) {
                counters.bootstrapped += 1;
            }
            counters.bootstrapped += 1;
            FIRST_BOOTSTRAP_NO + counters.bootstrapped - 1
        };
        let location = self.policy.location;
        // Rights are granted only to a profile that a bootstrap created. A profile of this name
        // that a client inserted, after the original was renamed or deleted, gets no rights.
        let mut is_new = false;
        let profile = match self.profiles.keys().find(|no| no.0 >= FIRST_BOOTSTRAP_NO) {
            Some(no) => Some(*no),
            None if self.profile_names.contains_key(&bootstrap.profile) => None,
            None => {
                let profile = bootstrap_profile(ProfileNo(next()), location, &bootstrap.profile);
                changes.push(Change::Put(Row::Profile(profile.clone())));
                is_new = true;
                Some(profile.no)
            }
        };
        for (code, description) in &bootstrap.rights {
            let known = self.right_by_code(code.as_str()).map(|right| right.no);
            let right = known.unwrap_or_else(|| {
                let (no, code, description) = (RightNo(next()), code.clone(), description.clone());
                changes.push(Change::Put(Row::Right(Right { no, location, code, description })));
                no
            });
            // A right that an administrator removed from the profile is not granted again.
            if let Some(profile) = profile.filter(|_| is_new || known.is_none()) {
                changes.push(Change::Put(Row::Grant(profile, right)));
            }
        }
        if let Some(new) = &bootstrap.administrator {
            if self.user_names.contains_key(&new.name) {
                return Applied::refused(Refusal::Duplicate("USER_NAME", new.name.to_string()));
            }
            let user = new.user(UserNo(next()), location, at);
            changes.extend(profile.map(|it| Change::Put(Row::Member(it, user.no))));
            changes.push(Change::Put(Row::User(user)));
        }
        changes.push(Change::Put(Row::Counters(counters)));
        Applied::done(Outcome::Done, changes)
    }
}

impl Realm {
    /// Restores the rows of an export unchanged. Refused if a row is invalid.
    pub(in crate::realm) fn restore(&self, rows: &[StoredRow]) -> Applied {
        let read: Result<Vec<_>, _> = rows.iter().map(StoredRow::read).collect();
        match read {
            Ok(rows) => Applied::done(Outcome::Done, rows.into_iter().map(Change::Put).collect()),
            Err(error) => Applied::refused(Refusal::InvalidRow(error)),
        }
    }
}

fn bootstrap_profile(no: ProfileNo, location: Location, name: &ProfileName) -> Profile {
    let Ok(description) = Description::parse("All administration rights") else {
        unreachable!("a short text is a valid description");
    };
    Profile {
        no,
        location,
        name: name.clone(),
        description,
        status: ProfileStatus::Enabled,
        version: 1,
    }
}
