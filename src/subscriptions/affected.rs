//! What a commit touches: the rows of records, and the users whose rights may differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::realm::model::ids::{ProfileNo, RightNo, SessionNo, UserNo};
use crate::realm::model::login_attempts::attempts_ref;
use crate::realm::model::profile::ProfileStatus;
use crate::realm::model::user::User;
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;
use crate::subscriptions::columns;
use crate::subscriptions::data_row::DataRow;
use crate::subscriptions::data_source::{RowRef, Source};
use crate::subscriptions::index::Place;

/// The sources whose rows are records, one row each.
pub(super) const ENTITIES: [Source; 6] = [
    Source::AllUsers,
    Source::AllProfiles,
    Source::AllRights,
    Source::ActiveSessions,
    Source::ActiveCodes,
    Source::LoginAttempts,
];

/// Rights of one profile and commit that are asked for once for all users: what most commits
/// change at most.
const FEW: usize = 8;

/// A record's row before the commit, and whose it is.
#[derive(Debug)]
pub(crate) struct Old {
    pub(super) row: Option<DataRow>,
    pub(super) user: Option<UserNo>,
}

/// What had to be looked at before the realm absorbed a commit.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// Rows that may differ, as they were; only of sources that somebody subscribes to.
    pub(super) rows: BTreeMap<(Source, RowRef), Old>,
    /// Users whose rights may differ in any way.
    users: BTreeSet<UserNo>,
    /// Profiles that began or ceased to give their rights.
    toggled: BTreeSet<ProfileNo>,
}

impl Before {
    pub(super) fn look(realm: &Realm, changes: &[Change], sources: &[Source]) -> Self {
        let mut before = Self::default();
        for change in changes {
            before.look_at_rights(realm, change);
            let (source, row, user) = match record(change) {
                Some((Source::ActiveSessions, row)) => {
                    let user = match change {
                        Change::Put(Row::Session(session)) => Some(session.user),
                        _ => realm.session(SessionNo(row)).map(|session| session.user),
                    };
                    if let Some(user) = user {
                        // ONLINE is a field of the user's row.
                        before.keep(
                            realm,
                            sources,
                            Source::AllUsers,
                            RowRef::from(user.0),
                            Some(user),
                        );
                    }
                    (Source::ActiveSessions, row, user)
                }
                Some((Source::AllUsers, row)) => (Source::AllUsers, row, Some(UserNo(row as u32))),
                Some((Source::ActiveCodes, row)) => {
                    let user = match change {
                        Change::Put(Row::ActiveCode(code)) => Some(code.user),
                        _ => realm.active_code_at(row).map(|code| code.user),
                    };
                    (Source::ActiveCodes, row, user)
                }
                Some((source, row)) => (source, row, None),
                None => continue,
            };
            before.keep(realm, sources, source, row, user);
        }
        before
    }

    fn keep(
        &mut self,
        realm: &Realm,
        sources: &[Source],
        source: Source,
        row: RowRef,
        user: Option<UserNo>,
    ) {
        if sources.contains(&source) {
            // The owner's view of the row: what others may not see is masked when they look.
            let viewer = user.unwrap_or(UserNo::MIN);
            let old = || Old { row: source.row(realm, viewer, row), user };
            self.rows.entry((source, row)).or_insert_with(old);
        }
    }

    fn look_at_rights(&mut self, realm: &Realm, change: &Change) {
        match change {
            Change::Put(Row::User(user))
                if realm.user(user.no).map(|old| old.status) != Some(user.status) =>
            {
                self.users.insert(user.no);
            }
            Change::Put(Row::Member(_, user) | Row::Direct(user, _))
            | Change::Delete(Key::Member(_, user) | Key::Direct(user, _) | Key::User(user)) => {
                self.users.insert(*user);
            }
            Change::Put(Row::Profile(profile)) => {
                let gave = realm.profile(profile.no).map(|old| old.status);
                if gave.is_some_and(|gave| gave != profile.status) {
                    self.toggled.insert(profile.no);
                }
            }
            _ => {}
        }
    }
}

/// The record that a change is about, as source and row.
fn record(change: &Change) -> Option<(Source, RowRef)> {
    Some(match change {
        Change::Put(Row::User(user)) => (Source::AllUsers, user.no.0.into()),
        Change::Delete(Key::User(no)) => (Source::AllUsers, no.0.into()),
        Change::Put(Row::Profile(profile)) => (Source::AllProfiles, profile.no.0.into()),
        Change::Delete(Key::Profile(no)) => (Source::AllProfiles, no.0.into()),
        Change::Put(Row::Right(right)) => (Source::AllRights, right.no.0.into()),
        Change::Delete(Key::Right(no)) => (Source::AllRights, no.0.into()),
        Change::Put(Row::Session(session)) => (Source::ActiveSessions, session.no.0),
        Change::Delete(Key::Session(no)) => (Source::ActiveSessions, no.0),
        Change::Put(Row::ActiveCode(code)) => (Source::ActiveCodes, code.no),
        Change::Delete(Key::ActiveCode(no)) => (Source::ActiveCodes, *no),
        Change::Put(Row::Attempts(name, _)) | Change::Delete(Key::Attempts(name)) => {
            (Source::LoginAttempts, attempts_ref(name))
        }
        _ => return None,
    })
}

/// A right that users may hold now, or no longer.
#[derive(Debug)]
pub(super) struct Turned {
    pub(super) right: RightNo,
    held: Held,
    /// What a row says of it beside the user's name, made once for all of them.
    pub(super) text: Vec<u8>,
}

/// Who of the users in question holds a right after a commit, as far as their status lets rights
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Their profile gives it to them.
    All,
    /// Nothing gives it to anybody any more.
    Nobody,
    /// Each of them is to be asked for.
    Asked,
}

impl Turned {
    /// A right for which each user is to be asked.
    pub(super) fn asked(realm: &Realm, right: RightNo) -> Self {
        let text = realm.right(right).map(columns::right_members).unwrap_or_default();
        Self { right, held: Held::Asked, text }
    }

    /// Whether this user, one of those in question, holds it now.
    pub(super) fn is_held_by(&self, realm: &Realm, user: &User) -> bool {
        match self.held {
            Held::All => Realm::rights_count(user.status),
            Held::Nobody => false,
            Held::Asked => realm.is_held_by(user, self.right),
        }
    }

    /// A right that this profile gives now, or no longer; one of so many of this commit.
    fn by(realm: &Realm, profile: ProfileNo, right: RightNo, many: usize) -> Self {
        let held = match realm.is_granted(profile, right) {
            true => Held::All,
            false if many > FEW || realm.may_be_held(right) => Held::Asked,
            false => Held::Nobody,
        };
        Self { held, ..Self::asked(realm, right) }
    }
}

/// Whose rights a commit touches. `None` beside a user: all of his may differ.
#[derive(Debug)]
pub(super) struct Touched {
    users: BTreeSet<UserNo>,
    grants: BTreeMap<ProfileNo, Option<Vec<Turned>>>,
    records: bool,
}

impl Touched {
    pub(super) fn of(realm: &Realm, changes: &[Change], before: &Before) -> Self {
        let mut grants: BTreeMap<ProfileNo, BTreeSet<RightNo>> = BTreeMap::new();
        for change in changes {
            if let Change::Put(Row::Grant(profile, right))
            | Change::Delete(Key::Grant(profile, right)) = change
            {
                grants.entry(*profile).or_default().insert(*right);
            }
        }
        // A profile that gives nothing, before and after, changes nobody's rights.
        grants.retain(|profile, _| {
            realm.profile(*profile).is_some_and(|it| it.status == ProfileStatus::Enabled)
        });
        let turned = |(profile, rights): (ProfileNo, BTreeSet<RightNo>)| {
            let many = rights.len();
            let turned = |right| Turned::by(realm, profile, right, many);
            (profile, Some(rights.into_iter().map(turned).collect()))
        };
        let mut grants: BTreeMap<_, _> = grants.into_iter().map(turned).collect();
        grants.extend(before.toggled.iter().map(|profile| (*profile, None)));
        Self { users: before.users.clone(), grants, records: !before.rows.is_empty() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.users.is_empty() && self.grants.is_empty() && !self.records
    }

    /// The users all of whose rights may differ.
    pub(super) fn users(&self) -> impl Iterator<Item = UserNo> {
        self.users.iter().copied()
    }

    /// Whether rows of this right may differ.
    pub(super) fn concerns(&self, right: RightNo) -> bool {
        let given = |rights: &Option<Vec<Turned>>| {
            rights.as_ref().is_none_or(|rights| rights.iter().any(|it| it.right == right))
        };
        !self.users.is_empty() || self.grants.values().any(given)
    }

    /// Visits the subscriptions of every user whose rights may differ, with the rights in question;
    /// of profiles, those whose rights matter. `subscribed`: all, in the order of their users.
    pub(super) fn affected<'a, 't>(
        &'t self,
        realm: &Realm,
        matters: impl Fn(Option<&[Turned]>) -> bool,
        subscribed: impl Iterator<Item = (UserNo, &'a [Place])>,
        of: impl Fn(UserNo) -> &'a [Place],
        mut visit: impl FnMut(UserNo, &Place, Option<&'t [Turned]>),
    ) {
        for user in &self.users {
            of(*user).iter().for_each(|place| visit(*user, place, None));
        }
        let grants = self.grants.iter().map(|(profile, rights)| (*profile, rights.as_deref()));
        let grants = grants.filter(|(_, rights)| matters(*rights));
        let mut grants: Vec<_> =
            grants.map(|(profile, rights)| (realm.membership(profile), rights)).collect();
        if grants.is_empty() {
            return;
        }
        for (user, places) in subscribed.filter(|(user, _)| !self.users.contains(user)) {
            for (members, rights) in &mut grants {
                if members.has(user) {
                    places.iter().for_each(|place| visit(user, place, *rights));
                }
            }
        }
    }

    /// Visits all affected users in the order of their numbers, a profile at a time. False if
    /// `visit` stopped it.
    pub(super) fn in_order(
        &self,
        realm: &Realm,
        mut visit: impl FnMut(UserNo, Option<&[Turned]>) -> Visit,
    ) -> bool {
        let mut walk = |users: &mut dyn Iterator<Item = UserNo>, rights: Option<&[Turned]>| {
            for user in users {
                match visit(user, rights) {
                    Visit::Next => {}
                    Visit::Skip => break,
                    Visit::Stop => return false,
                }
            }
            true
        };
        walk(&mut self.users.iter().copied(), None)
            && self
                .grants
                .iter()
                .all(|(profile, rights)| walk(&mut realm.members_of(*profile), rights.as_deref()))
    }
}

/// What a visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// The next user.
    Next,
    /// The next list of users.
    Skip,
    /// Nothing more.
    Stop,
}
