//! Bootstrap of rights, profile and first administrator; restoring of exported rows.

use protocol::{Description, ProfileName, RightCode};

use crate::realm::command::Bootstrap;
use crate::realm::model::{
    FIRST_BOOTSTRAP_NO, Location, Millis, Profile, ProfileNo, ProfileStatus, Right, RightNo, User,
    UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Counters, Edition, Row, StoredRow};
use crate::realm::state::Realm;

impl Realm {
    /// Whether this version has administration rights or an edition of the rules that the last
    /// bootstrap did not know.
    pub fn needs_bootstrap(&self) -> bool {
        let known = self.administration().len();
        self.edition() != Edition::CURRENT
            || known != crate::realm::model::ADMINISTRATION.len()
            || self.required_of_administrators().is_none()
    }

    /// Creates missing records and keeps existing records. Refused if a user has the name of the
    /// administrator to create. The numbers of the created records start at `FIRST_BOOTSTRAP_NO`,
    /// which is displayed as 90000000000001 in ids.
    pub(in crate::realm) fn bootstrap(&self, at: Millis, bootstrap: &Bootstrap) -> Applied {
        let mut new = BootstrapRecords::new(self);
        let profile = new.profile(&bootstrap.profile);
        let is_new = profile.is_some_and(|no| !self.profiles.contains_key(&no));
        let created = new.rights(&bootstrap.rights);
        if is_new {
            let all = bootstrap.rights.iter().filter_map(|(code, _)| new.right(code));
            let all: Vec<_> = all.collect();
            new.grant(profile, &all);
        } else if bootstrap.edition == Edition::First {
            new.grant(profile, &created);
        } else {
            new.grant_to_administrators(&created);
        }
        if bootstrap.edition > Edition::First {
            new.counters.edition = new.counters.edition.max(bootstrap.edition);
            new.counters.administration = bootstrap.rights.len();
        }
        if let Some(administrator) = &bootstrap.administrator {
            if self.user_names.contains_key(&administrator.name) {
                let name = administrator.name.to_string();
                return Applied::refused(Refusal::Duplicate("USER_NAME", name));
            }
            let no = UserNo(new.next());
            let user = administrator.user(no, self.policy.location, at);
            new.changes.extend(profile.map(|it| Change::Put(Row::Member(it, no))));
            new.changes.push(Change::Put(Row::User(user)));
        }
        new.applied()
    }

    /// Restores the rows of an export unchanged. Refused if a row is invalid.
    pub(in crate::realm) fn restore(&self, rows: &[StoredRow]) -> Applied {
        let read: Result<Vec<_>, _> = rows.iter().map(StoredRow::read).collect();
        match read {
            Ok(rows) => Applied::done(Outcome::Done, rows.into_iter().map(Change::Put).collect()),
            Err(error) => Applied::refused(Refusal::InvalidRow(error)),
        }
    }
}

/// The records that a bootstrap or a recovery creates.
pub(super) struct BootstrapRecords<'a> {
    realm: &'a Realm,
    counters: Counters,
    pub(super) changes: Vec<Change>,
}

impl<'a> BootstrapRecords<'a> {
    pub(super) fn new(realm: &'a Realm) -> Self {
        Self { realm, counters: realm.counters.clone(), changes: Vec::new() }
    }

    /// Returns the next number of the bootstrap's range. Skips numbers that are taken: a client
    /// that inserts a right may choose its id, and so its number. If an administration right got
    /// this number, the holders of the client's right would gain the administration right.
    pub(super) fn next(&mut self) -> u32 {
        let taken = |no: u32| self.realm.rights.contains_key(&RightNo(no));
        while taken(FIRST_BOOTSTRAP_NO + self.counters.bootstrapped) {
            self.counters.bootstrapped += 1;
        }
        self.counters.bootstrapped += 1;
        FIRST_BOOTSTRAP_NO + self.counters.bootstrapped - 1
    }

    /// Returns the profile that a bootstrap created. If there is none, creates it, unless a profile
    /// that a client inserted has its name: that profile gets no rights.
    fn profile(&mut self, name: &ProfileName) -> Option<ProfileNo> {
        let known = self.realm.profiles.keys().find(|no| no.0 >= FIRST_BOOTSTRAP_NO).copied();
        let is_taken = self.realm.profile_names.contains_key(name);
        known.or_else(|| (!is_taken).then(|| self.new_profile(name)))
    }

    /// Creates the profile of the administration rights.
    pub(super) fn new_profile(&mut self, name: &ProfileName) -> ProfileNo {
        let no = ProfileNo(self.next());
        let profile = bootstrap_profile(no, self.realm.policy.location, name);
        self.changes.push(Change::Put(Row::Profile(profile)));
        no
    }

    /// Creates the rights that are missing, and returns their numbers.
    pub(super) fn rights(&mut self, rights: &[(RightCode, Description)]) -> Vec<RightNo> {
        let location = self.realm.policy.location;
        let mut created = Vec::new();
        for (code, description) in rights {
            if self.realm.right_by_code(code.as_str()).is_none() {
                let no = RightNo(self.next());
                let (code, description) = (code.clone(), description.clone());
                let right = Right { no, location, code, description, guarded: false };
                self.changes.push(Change::Put(Row::Right(right)));
                created.push(no);
            }
        }
        created
    }

    /// Returns the number of a right that exists or was created.
    pub(super) fn right(&self, code: &RightCode) -> Option<RightNo> {
        let created = self.changes.iter().find_map(|change| match change {
            Change::Put(Row::Right(right)) if right.code == *code => Some(right.no),
            _ => None,
        });
        created.or_else(|| Some(self.realm.right_by_code(code.as_str())?.no))
    }

    /// Grants rights to a profile.
    pub(super) fn grant(&mut self, profile: Option<ProfileNo>, rights: &[RightNo]) {
        let grants = profile.into_iter().flat_map(|profile| {
            rights.iter().map(move |right| Change::Put(Row::Grant(profile, *right)))
        });
        self.changes.extend(grants);
    }

    /// Grants new administration rights to each profile that has all administration rights so far,
    /// and directly to each user who has all of them without such a profile.
    fn grant_to_administrators(&mut self, rights: &[RightNo]) {
        let realm = self.realm;
        let known = realm.administration().iter();
        let known: Vec<_> = known.filter_map(|(code, _)| realm.right_codes.get(*code)).collect();
        let (Some(first), false) = (known.first(), rights.is_empty()) else { return };
        let is_complete = |no: &ProfileNo| known.iter().all(|it| realm.is_granted(*no, **it));
        let complete: Vec<_> = realm.profiles.keys().copied().filter(is_complete).collect();
        complete.iter().for_each(|no| self.grant(Some(*no), rights));
        // A user who holds all rights holds the first of them.
        let holds_first = |user: &&User| realm.has_enabled(user, **first);
        for user in realm.users_after(None).filter(holds_first) {
            let is_covered = complete.iter().any(|no| realm.is_member(*no, user.no));
            if !is_covered && known.iter().all(|it| realm.has_enabled(user, **it)) {
                let direct = rights.iter().map(|it| Change::Put(Row::Direct(user.no, *it)));
                self.changes.extend(direct);
            }
        }
    }

    /// Returns the outcome, with the counters.
    pub(super) fn applied(mut self) -> Applied {
        self.changes.push(Change::Put(Row::Counters(self.counters)));
        Applied::done(Outcome::Done, self.changes)
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
