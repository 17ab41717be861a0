//! The realm: the users, profiles, rights and sessions of one deployment.
//!
//! The realm is pure (no clock, no randomness, no I/O): the same entries of the command log always
//! lead to the same realm. [`Realm::plan`] decides what to change, but does not change the realm.
//! [`Realm::apply_changes`] applies the changes. Both live traffic and the replay of the command
//! log use these two functions. At a start, the realm is loaded from the stored rows, and only the
//! entries after these rows are replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{ProfileName, RightCode, UserName};

use super::key::Key;
use super::model::{
    ActiveCode, Attempts, ConfiguredName, EntryId, ExpiringTokens, Millis, OneTime, PendingLogin,
    Policy, Profile, ProfileNo, QueuedMail, Right, RightNo, SecondFactor, SelfReset, Session,
    SessionId, SessionNo, TokenHash, TokenLifetimes, User, UserNo, UserPlaces, attempts_ref,
};
use super::row::{Change, Counters, RotatedToken, Row};

/// How long the id of an applied entry is remembered. The time of the newest entry counts as the
/// current time.
pub const SEEN_MS: Millis = 120_000;
/// Maximum number of old entry ids that one entry deletes.
pub(super) const FORGET_MAX: usize = 8;

/// The state of one deployment, in memory. Relations are flat ordered sets; a relation that is
/// searched from both sides consists of two sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Realm {
    pub(super) policy: Policy,
    pub(super) counters: Counters,
    pub(super) users: BTreeMap<UserNo, Box<User>>,
    pub(super) user_names: BTreeMap<UserName, UserNo>,
    pub(super) profiles: BTreeMap<ProfileNo, Profile>,
    pub(super) profile_names: BTreeMap<ProfileName, ProfileNo>,
    pub(super) rights: BTreeMap<RightNo, Right>,
    pub(super) right_codes: BTreeMap<RightCode, RightNo>,
    pub(super) members: BTreeSet<(ProfileNo, UserNo)>,
    pub(super) memberships: BTreeSet<(UserNo, ProfileNo)>,
    pub(super) grants: BTreeSet<(ProfileNo, RightNo)>,
    pub(super) direct: BTreeSet<(UserNo, RightNo)>,
    pub(super) holders: BTreeSet<(RightNo, UserNo)>,
    pub(super) sessions: BTreeMap<SessionNo, Box<Session>>,
    pub(super) user_sessions: BTreeSet<(UserNo, SessionNo)>,
    pub(super) session_ids: BTreeMap<SessionId, SessionNo>,
    pub(super) tokens: BTreeMap<TokenHash, SessionNo>,
    pub(super) refreshes: BTreeMap<TokenHash, SessionNo>,
    pub(super) rotated_tokens: BTreeMap<TokenHash, RotatedToken>,
    pub(super) rotated_by_session: BTreeSet<(SessionNo, Millis, TokenHash)>,
    pub(super) attempts: BTreeMap<UserName, Attempts>,
    pub(super) attempts_refs: BTreeMap<u64, UserName>,
    pub(super) histories: BTreeMap<UserNo, Box<[Arc<str>]>>,
    pub(super) one_time: ExpiringTokens<OneTime>,
    pub(super) token_lifetimes: Option<TokenLifetimes>,
    pub(super) pepper_check: Option<Arc<str>>,
    pub(super) second_factors: BTreeMap<UserNo, SecondFactor>,
    pub(super) pending_logins: ExpiringTokens<PendingLogin>,
    pub(super) active_codes: BTreeMap<u64, ActiveCode>,
    pub(super) active_by_user: BTreeSet<(UserNo, u64)>,
    pub(super) self_resets: BTreeMap<UserNo, SelfReset>,
    pub(super) mails: BTreeMap<u64, QueuedMail>,
    pub(super) configured: BTreeMap<ConfiguredName, Box<str>>,
    pub(super) places: BTreeMap<UserNo, UserPlaces>,
    pub(super) mails_by_due: BTreeSet<(Millis, u64)>,
    pub(super) seen: BTreeMap<EntryId, Millis>,
    pub(super) seen_at: BTreeSet<(Millis, EntryId)>,
}

impl Realm {
    /// Returns the policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the hash of a fixed text with the pepper, by which a changed pepper is detected;
    /// `None` if no hash was stored yet.
    pub fn pepper_check(&self) -> Option<&Arc<str>> {
        self.pepper_check.as_ref()
    }

    /// Returns the time of the newest applied entry; 0 if no entry was applied. An entry with an
    /// earlier time is applied as if it had this time.
    pub fn time(&self) -> Millis {
        self.seen_at.last().map_or(0, |(at, _)| *at)
    }

    /// Applies the changes that [`Self::plan`] decided.
    pub fn apply_changes(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Put(row) => self.put(row.clone()),
                Change::Delete(key) => self.delete(key),
            }
        }
    }

    fn put(&mut self, row: Row) {
        self.delete(&row.key());
        self.add(row);
    }

    /// Adds a row whose key does not exist yet.
    pub(super) fn add(&mut self, row: Row) {
        match row {
            Row::Policy(policy) => self.policy = *policy,
            Row::Counters(counters) => self.counters = counters,
            Row::Right(right) => self.add_right(right),
            Row::Profile(profile) => self.add_profile(profile),
            Row::User(user) => self.add_user(user),
            Row::Member(profile, user) => {
                self.members.insert((profile, user));
                self.memberships.insert((user, profile));
            }
            Row::Grant(profile, right) => drop(self.grants.insert((profile, right))),
            Row::Direct(user, right) => {
                self.direct.insert((user, right));
                self.holders.insert((right, user));
            }
            Row::Session(session) => self.add_session(session),
            Row::RotatedToken(hash, token) => {
                self.rotated_by_session.insert((token.session, token.until, hash));
                self.rotated_tokens.insert(hash, token);
            }
            Row::Attempts(name, attempts) => self.add_attempts(name, attempts),
            Row::Seen(id, at) => {
                self.seen.insert(id, at);
                self.seen_at.insert((at, id));
            }
            Row::History(no, old) => drop(self.histories.insert(no, old)),
            Row::OneTime(hash, it) => self.one_time.put(hash, it),
            Row::TokenLifetimes(lifetimes) => self.token_lifetimes = Some(lifetimes),
            Row::PepperCheck(check) => self.pepper_check = Some(check),
            Row::SecondFactor(no, it) => drop(self.second_factors.insert(no, it)),
            Row::PendingLogin(hash, it) => self.pending_logins.put(hash, it),
            Row::ActiveCode(it) => {
                self.active_by_user.insert((it.user, it.no));
                self.active_codes.insert(it.no, it);
            }
            Row::SelfReset(no, it) => drop(self.self_resets.insert(no, it)),
            Row::Mail(it) => {
                self.mails_by_due.insert((it.due, it.no));
                self.mails.insert(it.no, it);
            }
            Row::ConfiguredName(name, key) => drop(self.configured.insert(name, key)),
            Row::Places(no, places) => drop(self.places.insert(no, places)),
        }
    }

    fn add_right(&mut self, right: Right) {
        self.right_codes.insert(right.code.clone(), right.no);
        self.rights.insert(right.no, right);
    }

    fn add_profile(&mut self, profile: Profile) {
        self.profile_names.insert(profile.name.clone(), profile.no);
        self.profiles.insert(profile.no, profile);
    }

    fn add_user(&mut self, user: User) {
        self.user_names.insert(user.name.clone(), user.no);
        self.users.insert(user.no, Box::new(user));
    }

    fn add_attempts(&mut self, name: UserName, attempts: Attempts) {
        self.attempts_refs.insert(attempts_ref(&name), name.clone());
        self.attempts.insert(name, attempts);
    }

    fn add_session(&mut self, session: Session) {
        self.user_sessions.insert((session.user, session.no));
        self.session_ids.insert(session.id, session.no);
        self.tokens.insert(session.token, session.no);
        self.refreshes.insert(session.refresh, session.no);
        for grace_pair in &session.grace_pairs {
            self.tokens.insert(grace_pair.token, session.no);
        }
        self.sessions.insert(session.no, Box::new(session));
    }

    fn delete(&mut self, key: &Key) {
        match key {
            Key::Policy => self.policy = Policy::default(),
            Key::Counters => self.counters = Counters::default(),
            Key::Right(no) => {
                self.rights.remove(no).map(|right| self.right_codes.remove(&right.code));
            }
            Key::Profile(no) => {
                self.profiles.remove(no).map(|profile| self.profile_names.remove(&profile.name));
            }
            Key::User(no) => {
                self.users.remove(no).map(|user| self.user_names.remove(&user.name));
            }
            Key::Member(profile, user) => {
                self.members.remove(&(*profile, *user));
                self.memberships.remove(&(*user, *profile));
            }
            Key::Grant(profile, right) => drop(self.grants.remove(&(*profile, *right))),
            Key::Direct(user, right) => {
                self.direct.remove(&(*user, *right));
                self.holders.remove(&(*right, *user));
            }
            Key::Session(no) => self.delete_session(*no),
            Key::RotatedToken(hash) => self.delete_rotated_token(*hash),
            Key::Attempts(name) => {
                self.attempts.remove(name).map(|_| self.attempts_refs.remove(&attempts_ref(name)));
            }
            Key::Seen(id) => {
                if let Some(at) = self.seen.remove(id) {
                    self.seen_at.remove(&(at, *id));
                }
            }
            Key::History(no) => drop(self.histories.remove(no)),
            Key::OneTime(hash) => self.one_time.remove(hash),
            Key::TokenLifetimes => self.token_lifetimes = None,
            Key::PepperCheck => self.pepper_check = None,
            Key::SecondFactor(no) => drop(self.second_factors.remove(no)),
            Key::PendingLogin(hash) => self.pending_logins.remove(hash),
            Key::ActiveCode(no) => {
                self.active_codes.remove(no).map(|it| self.active_by_user.remove(&(it.user, *no)));
            }
            Key::SelfReset(no) => drop(self.self_resets.remove(no)),
            Key::Mail(no) => {
                self.mails.remove(no).map(|it| self.mails_by_due.remove(&(it.due, *no)));
            }
            Key::ConfiguredName(name) => drop(self.configured.remove(name)),
            Key::Places(no) => drop(self.places.remove(no)),
        }
    }

    fn delete_rotated_token(&mut self, hash: TokenHash) {
        if let Some(it) = self.rotated_tokens.remove(&hash) {
            self.rotated_by_session.remove(&(it.session, it.until, hash));
        }
    }

    fn delete_session(&mut self, no: SessionNo) {
        let Some(session) = self.sessions.remove(&no) else { return };
        self.user_sessions.remove(&(session.user, no));
        self.session_ids.remove(&session.id);
        self.tokens.remove(&session.token);
        self.refreshes.remove(&session.refresh);
        for grace_pair in session.grace_pairs {
            self.tokens.remove(&grace_pair.token);
        }
    }
}
