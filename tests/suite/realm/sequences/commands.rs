//! Random commands, determined by a seed, on small pools of names and tokens.
//!
//! The pools are small so that commands often affect the same records.

use std::sync::Arc;

use protocol::{Description, RightCode, UserName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tollgate::realm::{
    Actor, Amendment, AuthenticatedBy, ChangePassword, Command, EndReason, EntryId, Fingerprint,
    LockoutScope, Login, LoginClient, NewUser, Policy, ProfileSpec, ProfileStatus, Realm,
    RecordRef, Refresh, ResetPassword, RightSpec, SelfResets, SessionEnd, SessionNo, SessionUse,
    SetCredential, SpendOneTime, TokenHashes, TokenKind, UserSpec, UserStatus, Verdict, WhenFull,
};

use crate::harness::realm::{MINUTE, code, found, hash, named, new_user, pair, profile, user};

/// The user names: the first administrator and five others. The base realms (`properties.rs`) have
/// no users with the last two names.
pub const USERS: [&str; 6] = ["ADMIN", "Ada", "Bob", "cleo", "unknown", "Stranger.1@x-y"];
pub(super) const PROFILES: [&str; 5] = ["USER_ADMIN", "TRADER", "Operations", "EMPTY", "nowhere"];
const CODES: [&str; 6] = ["ORDEN", "TRADE", "VIEW", "HELP", "LATER", "NEVER"];
const ADMIN_CODES: [&str; 13] = [
    "INSERT_PROFILE",
    "AMEND_PROFILE",
    "DELETE_PROFILE",
    "INSERT_USER",
    "AMEND_USER",
    "DELETE_USER",
    "ENABLE_USER",
    "DISABLE_USER",
    "USER_PROFILE_AMEND",
    "INSERT_RIGHT",
    "DELETE_RIGHT",
    "RESET_PWD",
    "EXPIRE_PWD",
];

/// A generator of commands. It reads the realm, so that most commands make sense.
pub struct Commands {
    pub rng: StdRng,
    at: u64,
    entries: u128,
    pairs: u64,
}

impl Commands {
    pub fn new(seed: u64) -> Self {
        // `pairs` counts up, so that no token pair repeats in a sequence: real tokens never repeat.
        Self { rng: StdRng::seed_from_u64(seed), at: 1_800_000_000_000, entries: 0, pairs: 1 }
    }

    /// Creates a generator that continues after the commands that made `realm`.
    pub fn after(seed: u64, realm: &Realm) -> Self {
        Self {
            at: realm.time().max(1_800_000_000_000),
            entries: 1_000,
            pairs: 1_000,
            ..Self::new(seed)
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, pool: &[T]) -> T {
        pool[self.rng.random_range(0..pool.len())]
    }

    /// Returns the id and time of the next entry. Sometimes the id repeats, or the time goes back.
    pub fn entry(&mut self) -> (EntryId, u64) {
        if !self.chance(3) {
            self.entries += 1;
        }
        match self.rng.random_range(0..20) {
            0..6 => {}
            6..12 => self.at += self.rng.random_range(1..5_000),
            12..16 => self.at += self.rng.random_range(5_000..MINUTE),
            16 => self.at += self.rng.random_range(MINUTE..40 * MINUTE),
            17 => self.at += self.rng.random_range(MINUTE..7 * MINUTE),
            18 => self.at += self.rng.random_range(60 * MINUTE..12 * 60 * MINUTE),
            _ => self.at -= self.rng.random_range(1..MINUTE),
        }
        (EntryId(self.entries), self.at)
    }

    /// Generates any command.
    pub fn command(&mut self, realm: &Realm) -> Command {
        match self.rng.random_range(0..100) {
            0..3 => Command::SetPolicy(self.policy().into()),
            3..5 => self.bootstrap(),
            5..8 => Command::AddUsers(vec![self.new_user(realm)]),
            8..10 => Command::SetCredential(SetCredential {
                user_name: self.user_name(),
                credential: self.credential(),
            }),
            10..33 => Command::Login(self.login(realm)),
            33..50 => Command::Refresh(self.refresh(realm)),
            50..56 => Command::End(self.end(realm)),
            56..60 => {
                let actor = self.chance(40).then(|| self.actor(realm));
                self.change(realm, actor)
            }
            60..64 => self.record_session_use(realm),
            64..68 => Command::Sweep,
            68..70 => self.one_time(realm),
            70..77 => self.second_factor_command(realm),
            _ => {
                let actor = self.actor(realm);
                self.administration(realm, actor)
            }
        }
    }

    /// Generates an administration command of `actor`.
    pub fn administration(&mut self, realm: &Realm, actor: Actor) -> Command {
        match self.rng.random_range(0..20) {
            0 => Command::InsertRight(actor, self.right(realm)),
            1 => Command::DeleteRight(actor, self.code()),
            2..4 => Command::InsertProfile(actor, self.profile(realm)),
            4..10 => Command::AmendProfile(actor, self.profile(realm)),
            10 => Command::DeleteProfile(actor, self.profile(realm)),
            11..13 => Command::InsertUser(actor, self.user_spec(realm)),
            13..17 => {
                let events = [
                    Amendment::Record,
                    Amendment::Record,
                    Amendment::Enable,
                    Amendment::Disable,
                    Amendment::Profiles,
                ];
                Command::AmendUser(actor, self.pick(&events), self.user_spec(realm))
            }
            17 => Command::DeleteUser(actor, self.user_spec(realm)),
            18 => Command::ResetPassword(
                actor,
                ResetPassword {
                    user_name: self.user_name(),
                    credential: self.chance(50).then(|| self.credential()),
                    mailed: self.chance(30),
                },
            ),
            _ => match self.rng.random_range(0..4) {
                3 => self.lifetimes(actor),
                0 => Command::ExpirePassword(actor, self.user_name()),
                1 => Command::SetAttempts(actor, self.user_name(), self.pick(&[0, 1, 3])),
                _ => Command::EndOtherSession(actor, self.session(realm)),
            },
        }
    }

    pub(super) fn lifetimes(&mut self, actor: Actor) -> Command {
        let kinds = [TokenKind::Access, TokenKind::Refresh, TokenKind::OneTime];
        let life = self.pick(&[None, Some(MINUTE), Some(60 * MINUTE)]);
        Command::AmendTokenLifetimes(actor, vec![(self.pick(&kinds), life)])
    }

    /// Generates a new profile with a name that is probably not taken.
    pub(super) fn new_profile(&mut self, realm: &Realm) -> ProfileSpec {
        let name = format!("NEW_{}", self.rng.random_range(0..1_000));
        ProfileSpec { id: None, name: Some(profile(&name)), ..self.profile(realm) }
    }

    /// Generates a command that renames a profile and changes nothing else.
    pub(super) fn renaming(&mut self, realm: &Realm, actor: Actor) -> Command {
        let known: Vec<_> = realm.profiles_after(None).collect();
        let id = if known.is_empty() { "x".to_owned() } else { self.pick(&known).id() };
        let name = Some(profile(self.pick(&PROFILES)));
        let spec = ProfileSpec { id: Some(id), name, ..ProfileSpec::default() };
        Command::AmendProfile(actor, spec)
    }

    /// Generates a command that amends only the status of a user.
    pub(super) fn status_change(&mut self, actor: Actor, name: UserName) -> Command {
        let statuses = [
            UserStatus::Enabled,
            UserStatus::Disabled,
            UserStatus::PasswordExpired,
            UserStatus::PasswordReset,
        ];
        let (name, status) = (Some(name), Some(self.pick(&statuses)));
        let spec = UserSpec { name, status, ..UserSpec::default() };
        Command::AmendUser(actor, Amendment::Record, spec)
    }

    fn user_spec(&mut self, realm: &Realm) -> UserSpec {
        let known: Vec<_> = realm.users_after(None).collect();
        let statuses = [
            UserStatus::Enabled,
            UserStatus::Enabled,
            UserStatus::Disabled,
            UserStatus::PasswordExpired,
            UserStatus::PasswordReset,
        ];
        let by_id = self.chance(15) && !known.is_empty();
        let profiles: Vec<_> = realm.profiles_after(None).map(|it| it.name.clone()).collect();
        let with_profiles = self.chance(50);
        let profiles = profiles.into_iter().filter(|_| self.chance(30)).map(named).collect();
        UserSpec {
            id: by_id.then(|| self.pick(&known).id()),
            name: (!by_id || self.chance(20)).then(|| self.user_name()),
            status: self.chance(40).then(|| self.pick(&statuses)),
            credential: self.chance(50).then(|| self.credential()),
            must_change: self.chance(20),
            attributes: vec![(0, self.chance(50).then(|| "é".repeat(60).into())), (2, None)],
            rights: self.chance(50).then(|| self.rights(realm)),
            profiles: with_profiles.then_some(profiles),
            record_version: self.chance(5).then_some(1),
        }
    }

    pub fn policy(&mut self) -> Policy {
        Policy {
            sessions_max: self.pick(&[None, Some(1), Some(3)]),
            when_full: self.pick(&[WhenFull::Refuse, WhenFull::EvictOldest]),
            rotation: self.chance(75),
            uniform: self.chance(50),
            idle_ms: self.pick(&[5 * MINUTE, 30 * MINUTE]),
            lock_scope: self.pick(&[LockoutScope::User, LockoutScope::UserAndNetwork]),
            history: self.pick(&[0, 2, 24]),
            mfa: self.mfa(),
            self_reset: self
                .chance(60)
                .then_some(SelfResets { timeout_ms: 10 * MINUTE, cool_ms: 5 * MINUTE }),
            directory: self.chance(20),
            directory_logins: self.chance(50),
            password_age_ms: self.pick(&[None, Some(600 * MINUTE)]),
            ..Policy::default()
        }
    }

    fn bootstrap(&mut self) -> Command {
        let Command::Bootstrap(mut it) = found() else { return Command::Sweep };
        it.administrator = self.chance(50).then(|| new_user(self.pick(&USERS), &[]));
        Command::Bootstrap(it)
    }

    pub(super) fn user_name(&mut self) -> UserName {
        let name = self.pick(&USERS);
        if self.chance(20) { user(&name.to_ascii_uppercase()) } else { user(name) }
    }

    pub(super) fn credential(&mut self) -> Arc<str> {
        self.pick(&["$first", "$second", "$third"]).into()
    }

    fn new_user(&mut self, realm: &Realm) -> NewUser {
        let known: Vec<_> = realm.profiles_after(None).map(|it| it.name.clone()).collect();
        NewUser {
            credential: self.chance(90).then(|| self.credential()),
            attributes: (0..21).map(|no| (no, "é".repeat(60).into())).collect(),
            profiles: known.into_iter().filter(|_| self.chance(25)).collect(),
            ..NewUser::named(self.user_name())
        }
    }

    fn checked(&mut self, realm: &Realm, name: &UserName) -> Option<Fingerprint> {
        let now = realm.user_by_name(name).and_then(|user| user.credential.clone());
        let stale = self.chance(5).then_some(Fingerprint(1));
        stale.or(now.map(|it| Fingerprint::new(&it)))
    }

    fn verdict(&mut self) -> Verdict {
        match self.rng.random_range(0..10) {
            0..7 => Verdict::Matched,
            7 => Verdict::Blank,
            _ => Verdict::Wrong,
        }
    }

    pub fn pair(&mut self) -> TokenHashes {
        self.pairs += 1;
        pair(self.pairs)
    }

    fn login(&mut self, realm: &Realm) -> Login {
        let user_name = self.user_name();
        Login {
            checked: self.checked(realm, &user_name),
            verdict: self.verdict(),
            user_name,
            token_hashes: self.pair(),
            host: "203.0.113.7".to_owned(),
            monitored: self.chance(50),
            client: self.client(),
            rehash: self.chance(10).then(|| self.credential()),
            session_kind: self.chance(20).into(),
            second_factor: self.second_factor(realm),
            authenticated_by: self.authenticated_by(),
        }
    }

    fn authenticated_by(&mut self) -> AuthenticatedBy {
        let (directory, bypass) = (self.chance(5), self.chance(50));
        if directory {
            AuthenticatedBy::Directory { checks: bypass.into() }
        } else {
            AuthenticatedBy::Password
        }
    }

    fn refresh(&mut self, realm: &Realm) -> Refresh {
        let sessions: Vec<_> = realm.sessions_after(None).collect();
        let presented = match self.rng.random_range(0..100) {
            0..70 if !sessions.is_empty() => self.pick(&sessions).refresh,
            // A token of an earlier command: a refresh token or a session token. The realm must
            // refuse a session token.
            0..95 => hash(self.rng.random_range(2_000..2 * self.pairs.max(1_000) + 2)),
            _ => hash(u64::MAX),
        };
        let owner = realm.user_by_refresh(&presented).map(|user| user.name.clone());
        Refresh {
            presented,
            user_name: match self.rng.random_range(0..10) {
                0 => Some(self.user_name()),
                1..4 => owner,
                _ => None,
            },
            token_hashes: self.pair(),
            encrypted: vec![200; 160],
            host: "2001:db8::7".to_owned(),
            client: self.client(),
            monitored: self.chance(50),
            second_factor: self.second_factor(realm),
        }
    }

    pub(super) fn session(&mut self, realm: &Realm) -> SessionNo {
        let sessions: Vec<_> = realm.sessions_after(None).map(|it| it.no).collect();
        if sessions.is_empty() || self.chance(8) {
            SessionNo(self.rng.random_range(0..20))
        } else {
            self.pick(&sessions)
        }
    }

    fn end(&mut self, realm: &Realm) -> SessionEnd {
        let reasons = [
            EndReason::Idle,
            EndReason::HeartbeatMissed,
            EndReason::Logout,
            EndReason::Expired,
            EndReason::Revoked,
        ];
        SessionEnd {
            session: self.session(realm),
            reason: self.pick(&reasons),
            unless_after: self.chance(30).then(|| self.at - self.rng.random_range(0..MINUTE)),
        }
    }

    pub(super) fn change(&mut self, realm: &Realm, actor: Option<Actor>) -> Command {
        let user_name = self.user_name();
        Command::ChangePassword(ChangePassword {
            checked: self.checked(realm, &user_name),
            verdict: self.verdict(),
            user_name,
            credential: self.chance(90).then(|| self.credential()),
            actor,
            keep: self.chance(70).then(|| self.session(realm)),
            client: self.client(),
            presented: None,
            earlier_factor: None,
        })
    }

    pub(super) fn client(&mut self) -> LoginClient {
        let network = self.pick(&["203.0.113.7", "198.51.100.9", "2001:db8::/64"]);
        LoginClient { network: network.into(), familiar: self.chance(20) }
    }

    /// Generates a command with a one-time token. There are few tokens, so that most of them occur
    /// more than once.
    fn one_time(&mut self, realm: &Realm) -> Command {
        let token = hash(900_000 + self.rng.random_range(0..30));
        if self.chance(60) {
            Command::CreateOneTime(Actor::Session(self.session(realm)), token)
        } else {
            let actor = self.chance(30).then(|| self.actor(realm));
            Command::SpendOneTime(SpendOneTime { token, actor })
        }
    }

    fn record_session_use(&mut self, realm: &Realm) -> Command {
        let session_uses = (0..self.rng.random_range(0..4)).map(|_| SessionUse {
            session: self.session(realm),
            at: self.at - self.rng.random_range(0..MINUTE),
            monitored: self.chance(30),
        });
        Command::RecordSessionUse(session_uses.collect())
    }

    pub(super) fn actor(&mut self, realm: &Realm) -> Actor {
        if self.chance(25) { Actor::Operator } else { Actor::Session(self.session(realm)) }
    }

    fn right(&mut self, realm: &Realm) -> RightSpec {
        let ids = ["00000000000002RISP0", "90000000000028RISP0", "90000000000001RISP0", "x"];
        let code = self.code();
        let taken = realm.right_by_code(code.as_str()).map(|it| it.no.id(it.location));
        let id = match self.rng.random_range(0..10) {
            0 => taken,
            1..4 => Some(self.pick(&ids).to_owned()),
            _ => None,
        };
        RightSpec { id, code, description: describe("\"", 1_024), guarded: self.chance(20) }
    }

    pub(super) fn code(&mut self) -> RightCode {
        if self.chance(70) { code(self.pick(&CODES)) } else { code(self.pick(&ADMIN_CODES)) }
    }

    fn profile(&mut self, realm: &Realm) -> ProfileSpec {
        let known: Vec<_> = realm.profiles_after(None).collect();
        let by_id = self.chance(25) && !known.is_empty();
        let statuses = [ProfileStatus::Enabled, ProfileStatus::Disabled];
        ProfileSpec {
            id: by_id.then(|| self.pick(&known).id()),
            name: (!by_id || self.chance(30)).then(|| profile(self.pick(&PROFILES))),
            description: self.chance(20).then(|| describe("\u{8a9e}", 341)),
            status: self.chance(40).then(|| self.pick(&statuses)),
            rights: self.chance(55).then(|| self.rights(realm)),
            users: self.chance(55).then(|| self.users(realm)),
            record_version: self.chance(5).then_some(1),
        }
    }

    fn rights(&mut self, realm: &Realm) -> Vec<RecordRef<RightCode>> {
        let count = self.rng.random_range(0..4);
        let mut list: Vec<_> = (0..count).map(|_| named(self.code())).collect();
        // Most unknown codes are left out: the realm refuses a command with an unknown code.
        let exists = |it: &RecordRef<RightCode>| {
            it.name.as_ref().is_some_and(|it| realm.right_by_code(it.as_str()).is_some())
        };
        if !self.chance(10) {
            list.retain(exists);
        }
        if self.chance(15) {
            let id = |it: &mut RecordRef<RightCode>| {
                let right = realm.right_by_code(it.name.as_ref()?.as_str())?;
                it.id = Some(right.no.id(right.location));
                it.name.take()
            };
            list.iter_mut().for_each(|it| drop(id(it)));
        }
        list
    }

    fn users(&mut self, realm: &Realm) -> Vec<RecordRef<UserName>> {
        let count = self.rng.random_range(0..4);
        let mut list: Vec<_> = (0..count).map(|_| self.user_name()).collect();
        if !self.chance(10) {
            list.retain(|name| realm.user_by_name(name).is_some());
        }
        list.into_iter().map(named).collect()
    }
}

/// Returns a [`Description`] that is `character`, repeated `times` times. Callers pass the largest
/// allowed number.
fn describe(character: &str, times: usize) -> Description {
    Description::parse(&character.repeat(times)).unwrap()
}
