//! Properties of the realm, checked after each command and at the end of each sequence.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use tollgate::realm::{
    ADMINISTRATION, Actor, Applied, Change, Command, Edition, EntryId, Key, Mfa, Millis, Outcome,
    Policy, ProfileNo, ProfileStatus, Realm, RealmLoader, RightNo, Row, SessionNo, User, UserNo,
    UserStatus,
};

use super::commands::{Commands, USERS};
use super::second_factors::FactorCheck;
use crate::harness::realm::{found, login_command, new_user, profile_wanted, right_wanted, user};

/// Maximum size of the value of a row, in bytes. sled does not sync values above 4 KiB
/// (src/docs/architecture.md, Invariants); the remaining bytes are reserved for the store.
const VALUE_MAX: usize = 3_900;
const SEQUENCES: u64 = 100_000;
const LENGTH: usize = 20;
const REALMS: u64 = 16;

/// What decides whether a user has rights and can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    status: UserStatus,
    has_password: bool,
    directory: bool,
}

impl Account {
    fn of(user: &User) -> Self {
        let has_password = user.credential.is_some();
        Self { status: user.status, has_password, directory: user.directory }
    }

    fn has_rights(self) -> bool {
        matches!(self.status, UserStatus::Enabled | UserStatus::PasswordExpired)
    }
}

/// A model of all rights, computed only from the changes that the realm returned.
#[derive(Debug, Clone, Default)]
struct Model {
    members: BTreeSet<(UserNo, ProfileNo)>,
    grants: BTreeSet<(ProfileNo, RightNo)>,
    direct: BTreeSet<(UserNo, RightNo)>,
    enabled: BTreeSet<ProfileNo>,
    users: BTreeMap<UserNo, Account>,
    admin_rights: BTreeSet<RightNo>,
    effective: BTreeMap<UserNo, BTreeSet<RightNo>>,
}

impl Model {
    /// Returns the model after `changes`; `None` if they do not affect rights.
    fn fold(&self, changes: &[Change]) -> Option<Self> {
        let concerns = |change: &Change| match change {
            Change::Put(Row::User(it)) => self.users.get(&it.no) != Some(&Account::of(it)),
            Change::Put(
                Row::Seen(..)
                | Row::Session(_)
                | Row::Attempts(..)
                | Row::RotatedToken(..)
                | Row::History(..)
                | Row::OneTime(..)
                | Row::TokenLifetimes(_)
                | Row::SecondFactor(..)
                | Row::PendingLogin(..)
                | Row::ActiveCode(_)
                | Row::SelfReset(..)
                | Row::Places(..)
                | Row::Mail(_),
            ) => false,
            _ => true,
        };
        if !changes.iter().any(concerns) {
            return None;
        }
        let mut after = self.clone();
        let changed = changes.iter().filter(|change| after.take(change)).count();
        if changed == 0 {
            return None;
        }
        after.effective =
            after.users.keys().map(|user| (*user, after.effective_of(*user))).collect();
        Some(after)
    }

    /// Applies one change. Returns whether it changes the model.
    fn take(&mut self, change: &Change) -> bool {
        match change {
            Change::Put(Row::Member(profile, user)) => self.members.insert((*user, *profile)),
            Change::Delete(Key::Member(profile, user)) => self.members.remove(&(*user, *profile)),
            Change::Put(Row::Grant(profile, right)) => self.grants.insert((*profile, *right)),
            Change::Delete(Key::Grant(profile, right)) => self.grants.remove(&(*profile, *right)),
            Change::Put(Row::Direct(user, right)) => self.direct.insert((*user, *right)),
            Change::Delete(Key::Direct(user, right)) => self.direct.remove(&(*user, *right)),
            Change::Put(Row::Profile(it)) if it.status == ProfileStatus::Enabled => {
                self.enabled.insert(it.no)
            }
            Change::Put(Row::Profile(it)) => self.enabled.remove(&it.no),
            Change::Delete(Key::Profile(no)) => self.enabled.remove(no),
            Change::Put(Row::User(it)) => {
                let account = Account::of(it);
                self.users.insert(it.no, account) != Some(account)
            }
            Change::Delete(Key::User(no)) => self.users.remove(no).is_some(),
            Change::Delete(Key::Right(no)) => self.admin_rights.remove(no),
            Change::Put(Row::Right(right)) => {
                let is_admin_right =
                    ADMINISTRATION.iter().any(|(it, _)| *it == right.code.as_str());
                is_admin_right && self.admin_rights.insert(right.no)
            }
            _ => false,
        }
    }

    fn effective_of(&self, user: UserNo) -> BTreeSet<RightNo> {
        if !self.users.get(&user).is_some_and(|account| account.has_rights()) {
            return BTreeSet::new();
        }
        let reaches = |profile: &ProfileNo| {
            self.enabled.contains(profile) && self.members.contains(&(user, *profile))
        };
        let granted = self.grants.iter().filter(|(profile, _)| reaches(profile));
        let direct = self.direct.iter().filter(|(holder, _)| *holder == user);
        granted.map(|(_, right)| *right).chain(direct.map(|(_, right)| *right)).collect()
    }

    fn held(&self, user: UserNo) -> BTreeSet<RightNo> {
        self.effective.get(&user).cloned().unwrap_or_default()
    }

    fn is_all_powerful(&self, user: UserNo) -> bool {
        self.admin_rights.len() == ADMINISTRATION.len()
            && self.admin_rights.is_subset(&self.held(user))
    }

    /// Whether a user with all administration rights can log in.
    fn has_administrator(&self, policy: &Policy) -> bool {
        let can_log_in = |it: &Account| {
            let is_configured =
                if it.directory { policy.directory_logins } else { it.has_password };
            it.has_rights() && is_configured
        };
        self.users.iter().any(|(no, account)| can_log_in(account) && self.is_all_powerful(*no))
    }
}

/// A realm, its model, and the entries of the sequence.
#[derive(Debug, Clone, Default)]
struct Live {
    realm: Realm,
    model: Model,
    entries: Vec<(EntryId, Millis, Command)>,
}

impl Live {
    /// Returns a new sequence that begins with the realm of this one.
    fn begin(&self) -> Self {
        Self { realm: self.realm.clone(), model: self.model.clone(), entries: Vec::new() }
    }

    /// Applies one command and checks all properties.
    fn apply(&mut self, id: EntryId, at: Millis, command: Command) -> Applied {
        let applied = self.realm.plan_entry(id, at, &command, None);
        let factor_check = FactorCheck::of(&self.realm, &command);
        let (at_before, resumed) = (self.realm.time(), self.resumed(at, &command));
        let actor = session_actor(&command).and_then(|no| Some(self.realm.session(no)?.user));
        self.realm.apply_changes(&applied.changes);
        assert!(self.realm.time() >= at_before, "the time of the realm went back");
        factor_check.into_iter().for_each(|factor_check| factor_check.check(&applied, &self.realm));
        if let Some(after) = self.model.fold(&applied.changes) {
            let before = std::mem::replace(&mut self.model, after);
            self.check_rights(&before, &command, actor, &applied);
        }
        self.check_sessions(&applied, resumed);
        self.entries.push((id, at, command));
        applied
    }

    /// Whether the command refreshes a session that is not live. Before the refresh, such a session
    /// does not count against the limit.
    fn resumed(&self, at: Millis, command: &Command) -> bool {
        let Command::Refresh(refresh) = command else { return false };
        let at = at.max(self.realm.time());
        let session = self.realm.sessions_after(None).find(|it| it.refresh == refresh.presented);
        session.is_some_and(|it| !it.is_live(at, self.realm.policy()))
    }

    fn check_administrator(&self, before: &Model, command: &Command) {
        if self.realm.edition() != Edition::CURRENT {
            return;
        }
        let (model, policy) = (&self.model, self.realm.policy());
        assert_eq!(model.has_administrator(policy), self.realm.has_administrator());
        assert!(
            model.has_administrator(policy)
                || !before.has_administrator(policy)
                || matches!(command, Command::SetPolicy(_)),
            "the last administrator was removed"
        );
    }

    fn check_rights(
        &self,
        before: &Model,
        command: &Command,
        actor: Option<UserNo>,
        applied: &Applied,
    ) {
        let model = &self.model;
        for user in model.users.keys() {
            assert_eq!(model.held(*user), self.realm.effective(*user), "rights of {user:?}");
        }
        self.check_administrator(before, command);
        if session_actor(command).is_none() {
            return;
        }
        let actor = actor.expect("a command of an unknown session changed rights");
        let held = before.held(actor);
        let grown = |user: &UserNo| {
            model.held(*user).difference(&before.held(*user)).copied().collect::<BTreeSet<_>>()
        };
        assert!(
            before.is_all_powerful(actor) || grown(&actor).is_empty(),
            "{actor:?} gained a right by their own command"
        );
        for user in model.users.keys().filter(|_| !before.is_all_powerful(actor)) {
            assert!(grown(user).is_subset(&held), "{user:?} got a right that {actor:?} lacks");
        }
        if is_on_a_user(command) && !before.is_all_powerful(actor) {
            for user in before.users.keys().filter(|user| **user != actor) {
                let lost = before.held(*user).difference(&model.held(*user)).copied().collect();
                let lost: BTreeSet<_> = lost;
                assert!(
                    lost.is_subset(&held),
                    "{actor:?} removed from {user:?} a right that the actor lacks"
                );
            }
        }
        let grants = applied.changes.iter().filter_map(|change| match change {
            Change::Put(Row::Grant(_, right)) => Some(*right),
            _ => None,
        });
        let granted: BTreeSet<_> = grants.collect();
        assert!(
            before.is_all_powerful(actor) || granted.is_subset(&held),
            "{actor:?} granted a right that the actor lacks"
        );
    }

    fn check_sessions(&self, applied: &Applied, resumed: bool) {
        let (at, policy) = (self.realm.time(), self.realm.policy());
        let live = |no: SessionNo| self.realm.session(no).filter(|it| it.is_live(at, policy));
        for ended in &applied.ended {
            assert!(live(ended.session).is_none(), "{ended:?} is still live");
        }
        let (no, is_new) = match &applied.outcome {
            Outcome::LoggedIn(session) | Outcome::LoggedInWithActiveCode(session) => {
                (*session, true)
            }
            Outcome::Refreshed(no) => (*no, resumed),
            _ => return,
        };
        let user = live(no).expect("a session that was just opened or refreshed is live").user;
        let count = self.realm.sessions_of(user).filter(|it| it.is_live(at, policy)).count();
        // A live session is refreshed even if the limit was lowered meanwhile.
        let max = policy.sessions_max.filter(|_| is_new).unwrap_or(u32::MAX);
        assert!(count <= max as usize, "{count} live sessions, but only {max} are allowed");
    }

    /// Asserts that replay and load give the same realm, and that no row is too large for the
    /// store.
    fn check_end(&self, base: &Realm) {
        let mut replayed = base.clone();
        for (id, at, command) in &self.entries {
            let applied = replayed.plan_entry(*id, *at, command, None);
            replayed.apply_changes(&applied.changes);
        }
        assert!(replayed == self.realm, "replaying the entries gives another realm");
        let (mut applied, mut loader) = (Realm::default(), RealmLoader::default());
        for row in self.realm.rows() {
            let value = row.value();
            assert!(value.len() <= VALUE_MAX, "{} bytes: {row:?}", value.len());
            let read = Row::read(&row.key().bytes(), &value).expect("a stored row can be read");
            applied.apply_changes(&[Change::Put(read.clone())]);
            loader.add(read);
        }
        assert!(applied == self.realm, "applying the rows gives another realm");
        assert!(loader.build() == self.realm, "loading the rows gives another realm");
    }
}

fn session_actor(command: &Command) -> Option<SessionNo> {
    match command.actor() {
        Some(Actor::Session(no)) => Some(*no),
        _ => None,
    }
}

/// Whether a command amends or deletes a user, or resets the password of a user. To do this to
/// another user, the sender needs all rights of that user or all administration rights.
fn is_on_a_user(command: &Command) -> bool {
    matches!(command, Command::AmendUser(..) | Command::DeleteUser(..) | Command::ResetPassword(..))
}

/// Returns a realm with which sequences begin: empty for seed 0, otherwise with an administrator,
/// other users, profiles (`Operations` has up to five administration rights) and sessions.
fn base_realm(seed: u64) -> Live {
    let mut live = Live::default();
    if seed == 0 {
        return live;
    }
    let mut commands = Commands::new(seed);
    // Second factors are off at first, so that the sessions can be opened without one.
    let policy = Policy { mfa: Mfa::default(), ..commands.policy() };
    let mut begin = vec![Command::SetPolicy(policy.into()), found()];
    begin.extend(
        ["ORDEN", "TRADE", "VIEW", "HELP"]
            .map(|it| Command::InsertRight(Actor::Operator, right_wanted(it))),
    );
    let admin_rights =
        ["INSERT_PROFILE", "AMEND_PROFILE", "DELETE_PROFILE", "INSERT_RIGHT", "AMEND_USER"];
    let kept = (seed % 6) as usize;
    for (name, rights) in
        [("TRADER", &["ORDEN", "TRADE"][..]), ("Operations", &admin_rights[..kept])]
    {
        begin.push(Command::InsertProfile(Actor::Operator, profile_wanted(name, rights, &[])));
    }
    begin.push(Command::AddUsers(vec![
        new_user("Ada", &["TRADER"]),
        new_user("Bob", &["TRADER", "Operations"]),
        new_user("cleo", &["Operations"]),
    ]));
    for (no, command) in begin.into_iter().enumerate() {
        let applied = live.apply(EntryId(no as u128), 1_800_000_000_000, command);
        assert!(!matches!(applied.outcome, Outcome::Refused(_)), "{applied:?}");
    }
    for (no, name) in USERS[..4].iter().cycle().take(6).enumerate() {
        let login = login_command(&live.realm, name, 500 + no as u64);
        live.apply(EntryId(500 + no as u128), 1_800_000_000_000 + no as u64, login);
    }
    live
}

/// The name of a test and the seed of a sequence. They are printed if the sequence fails, so that
/// the sequence can be repeated.
pub(super) struct Seed(pub &'static str, pub u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed with seed {}", self.0, self.1);
        }
    }
}

/// Runs the seeds below `count` on two threads.
pub(super) fn on_two_threads(count: u64, run: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for first in 0..2 {
            let run = &run;
            scope.spawn(move || (first..count).step_by(2).for_each(run));
        }
    });
}

#[test]
fn hundred_thousand_sequences() {
    let realms: Vec<_> = (0..REALMS).map(base_realm).collect();
    realms.iter().for_each(|realm| realm.check_end(&Realm::default()));
    on_two_threads(SEQUENCES, |seed| {
        let _seed = Seed("hundred_thousand_sequences", seed);
        let realm = &realms[(seed % REALMS) as usize];
        let mut live = realm.begin();
        let mut commands = Commands::after(seed, &live.realm);
        for _ in 0..LENGTH {
            let (id, at) = commands.entry();
            let command = commands.command(&live.realm);
            live.apply(id, at, command);
        }
        live.check_end(&realm.realm);
    });
}

/// Users who do not hold all administration rights gain only rights that one of them held before,
/// even if they cooperate.
#[test]
fn cooperating_users_gain_no_right() {
    let realms: Vec<_> = (1..REALMS).map(base_realm).collect();
    on_two_threads(4_000, |seed| {
        let _seed = Seed("cooperating_users_gain_no_right", seed);
        let mut live = realms[(seed % (REALMS - 1)) as usize].begin();
        let admin = live.realm.user_by_name(&user("ADMIN")).unwrap().no;
        let crowd: Vec<_> = live.model.users.keys().copied().filter(|no| *no != admin).collect();
        let held = |live: &Live| -> BTreeSet<RightNo> {
            crowd.iter().flat_map(|no| live.realm.effective(*no)).collect()
        };
        let before = held(&live);
        let others = live.realm.sessions_after(None).filter(|it| it.user != admin);
        let sessions: Vec<_> = others.map(|it| it.no).collect();
        let mut commands = Commands::after(seed, &live.realm);
        for step in 0..40 {
            let actor = Actor::Session(sessions[commands.rng.random_range(0..sessions.len())]);
            let command = commands.administration(&live.realm, actor);
            live.apply(EntryId(5_000 + step), live.realm.time(), command);
        }
        assert!(held(&live).is_subset(&before), "cooperating users gained a right");
    });
}

/// A user without administration rights can change neither profiles nor rights.
#[test]
fn users_without_rights_change_nothing() {
    // With seed 6 only the profile USER_ADMIN has administration rights.
    let mut live = base_realm(6);
    let amended = profile_wanted("TRADER", &["ORDEN", "VIEW"], &["Ada"]);
    let inserted = profile_wanted("EMPTY", &["ORDEN"], &["Ada"]);
    let ada = live.realm.user_by_name(&user("Ada")).unwrap().no;
    let session = live.realm.sessions_of(ada).next().unwrap().no;
    let commands = [
        Command::AmendProfile(Actor::Session(session), amended.clone()),
        Command::InsertProfile(Actor::Session(session), inserted),
        Command::DeleteProfile(Actor::Session(session), amended),
        Command::InsertRight(Actor::Session(session), right_wanted("LATER")),
    ];
    for (no, command) in commands.into_iter().enumerate() {
        let applied = live.apply(EntryId(9_000 + no as u128), live.realm.time(), command);
        assert!(matches!(applied.changes[..], [Change::Put(Row::Seen(..))]), "{applied:?}");
    }
}
