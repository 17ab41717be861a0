//! The realm: users, profiles, rights, sessions, and the rules about them. PURE: no clock, no dice,
//! no I/O; the same commands always give the same realm.
//!
//! [`Realm::plan`] decides and changes nothing; [`Realm::absorb`] takes in what was decided. Live
//! traffic, replay of the log and loading of rows all go through `absorb`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use crate::realm::command::commands::{Command, Origin};
use crate::realm::model::ids::{ProfileNo, RightNo, SessionNo, UserNo};
use crate::realm::model::policy::Policy;
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};

use crate::realm::model::expiring_index::Owneds;
use crate::realm::row::{Counters, Retired};
use crate::realm::rules::active_codes::ActiveCode;
use crate::realm::rules::lockout::{Attempts, attempts_ref};
use crate::realm::rules::mail_queue::Mail;
use crate::realm::rules::one_time_tokens::OneTime;
use crate::realm::rules::pending_login::Half;
use crate::realm::rules::profiles::Profile;
use crate::realm::rules::rights::Right;
use crate::realm::rules::second_factor::SecondFactor;
use crate::realm::rules::self_service_reset::SelfReset;
use crate::realm::rules::sessions::{Session, SessionId, TokenHash};
use crate::realm::rules::token_lifetimes::Connectors;
use crate::realm::rules::users::User;

/// Epoch milliseconds, or a length of time in milliseconds.
pub type Millis = u64;

/// The name of one entry of the log, drawn by whoever made it; a repeat is recognised by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub u128);

impl Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        u128::from_str_radix(&hex, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Entry ids are remembered for this long in log time.
pub const SEEN_MS: Millis = 120_000;
/// Old entry ids that one step forgets at most.
const FORGET_MAX: usize = 8;

/// All state that matters, in memory. Relations are flat ordered sets, in both directions.
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
    pub(super) retired: BTreeMap<TokenHash, Retired>,
    pub(super) retired_by_session: BTreeSet<(SessionNo, Millis, TokenHash)>,
    pub(super) attempts: BTreeMap<UserName, Attempts>,
    pub(super) attempts_refs: BTreeMap<u64, UserName>,
    pub(super) histories: BTreeMap<UserNo, Box<[Arc<str>]>>,
    pub(super) one_time: Owneds<OneTime>,
    pub(super) connectors: Option<Connectors>,
    pub(super) salt_check: Option<Arc<str>>,
    pub(super) second_factors: BTreeMap<UserNo, SecondFactor>,
    pub(super) halves: Owneds<Half>,
    pub(super) active_codes: BTreeMap<u64, ActiveCode>,
    pub(super) active_by_user: BTreeSet<(UserNo, u64)>,
    pub(super) self_resets: BTreeMap<UserNo, SelfReset>,
    pub(super) mails: BTreeMap<u64, Mail>,
    pub(super) mails_by_due: BTreeSet<(Millis, u64)>,
    pub(super) seen: BTreeMap<EntryId, Millis>,
    seen_at: BTreeSet<(Millis, EntryId)>,
}

impl Realm {
    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the salt of the system made of a fixed text.
    pub fn salt_check(&self) -> Option<&Arc<str>> {
        self.salt_check.as_ref()
    }

    /// The time of the newest entry: no later entry is applied at an earlier time.
    pub fn at(&self) -> Millis {
        self.seen_at.last().map_or(0, |(at, _)| *at)
    }

    /// Decides what an entry of the log does, repeats and time included; changes nothing.
    pub fn step(
        &self,
        id: EntryId,
        at: Millis,
        command: &Command,
        origin: Option<&Origin>,
    ) -> Applied {
        if self.seen.contains_key(&id) {
            return Applied::done(Outcome::Repeated, Vec::new());
        }
        let at = at.max(self.at());
        let mut applied = self.plan(at, command);
        let audit = self.audit(at, command, origin, &applied);
        applied.audit = audit.into_iter().map(Arc::new).collect();
        applied.changes.push(Change::Put(Row::Seen(id, at)));
        let old = self.seen_at.iter().take(FORGET_MAX).take_while(|(seen, _)| seen + SEEN_MS < at);
        applied.changes.extend(old.map(|(_, id)| Change::Delete(Key::Seen(*id))));
        applied
    }

    /// Decides what a command does at a time; changes nothing. What could not be kept is refused
    /// here: an entry of the log that no store can save would stop every start.
    pub fn plan(&self, at: Millis, command: &Command) -> Applied {
        let applied = self.decide(at, command);
        let too_long = |change: &Change| matches!(change, Change::Put(row) if row.is_too_long());
        match applied.changes.iter().any(too_long) {
            true => Applied::refused(Refusal::TooLong),
            false => applied,
        }
    }

    fn decide(&self, at: Millis, command: &Command) -> Applied {
        match command {
            Command::SetPolicy(policy) => {
                Applied::done(Outcome::Done, vec![Change::Put(Row::Policy(policy.clone()))])
            }
            Command::Found(found) => self.found(at, found),
            Command::AddUsers(users) => self.add_users(at, users),
            Command::SetCredential(set) => self.set_credential(at, set),
            Command::Login(login) => self.login(at, login),
            Command::Refresh(refresh) => self.refresh(at, refresh),
            Command::End(end) => self.end(end),
            Command::ChangePassword(change) => self.change_password(at, change),
            Command::Touch(touched) => self.touch(at, touched),
            Command::Sweep => self.sweep(at),
            Command::InsertRight(by, wanted) => self.insert_right(at, by, wanted),
            Command::InsertProfile(by, wanted) => self.insert_profile(at, by, wanted),
            Command::AmendProfile(by, wanted) => self.amend_profile(at, by, wanted),
            Command::DeleteProfile(by, wanted) => self.delete_profile(at, by, wanted),
            Command::DeleteRight(by, code) => self.delete_right(at, by, code),
            Command::InsertUser(by, wanted) => self.insert_user(at, by, wanted),
            Command::AmendUser(by, event, wanted) => self.amend_user(at, by, *event, wanted),
            Command::DeleteUser(by, wanted) => self.delete_user(at, by, wanted),
            Command::ResetPassword(by, reset) => self.reset_password(at, by, reset),
            Command::ExpirePassword(by, name) => self.expire_password(at, by, name),
            Command::SetAttempts(by, name, left) => self.set_attempts(at, by, name, *left),
            Command::Restore(rows) => self.restore(rows),
            Command::EndAnother(by, session) => self.end_another(at, by, *session),
            Command::CreateOneTime(by, token) => self.create_one_time(at, by, *token),
            Command::SpendOneTime(spend) => self.spend_one_time(at, spend),
            Command::AmendConnectors(by, wanted) => self.amend_connectors(at, by, wanted),
            Command::SetSaltCheck(check) => {
                Applied::done(Outcome::Done, vec![Change::Put(Row::SaltCheck(check.clone()))])
            }
            Command::FinishLogin(finish) => self.finish_login(at, finish),
            Command::CreateSecret(create) => self.create_secret(at, create),
            Command::ConfirmSecret(confirm) => self.confirm_secret(at, confirm),
            Command::SetSecondFactor(by, name, on) => self.set_second_factor(at, by, name, *on),
            Command::Reseal(resealed) => self.reseal(resealed),
            Command::RevokeCode(by, no) => self.revoke_code(at, by, *no),
            Command::AskReset(ask) => self.ask_reset(at, ask),
            Command::ResetByToken(reset) => self.reset_by_token(at, reset),
            Command::Draw(no, drawn) => self.draw(at, *no, drawn),
            Command::Posted(no, posted) => self.posted(at, *no, *posted),
            Command::FromDirectory(from) => self.take_from_directory(at, from),
            Command::Note(_) => Applied::done(Outcome::Done, Vec::new()),
        }
    }

    /// Takes in what was decided.
    pub fn absorb(&mut self, changes: &[Change]) {
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

    /// Takes in a row of which there is none yet.
    pub(super) fn add(&mut self, row: Row) {
        match row {
            Row::Policy(policy) => self.policy = policy,
            Row::Counters(counters) => self.counters = counters,
            Row::Right(right) => {
                self.right_codes.insert(right.code.clone(), right.no);
                self.rights.insert(right.no, right);
            }
            Row::Profile(profile) => {
                self.profile_names.insert(profile.name.clone(), profile.no);
                self.profiles.insert(profile.no, profile);
            }
            Row::User(user) => {
                self.user_names.insert(user.name.clone(), user.no);
                self.users.insert(user.no, Box::new(user));
            }
            Row::Member(profile, user) => {
                self.members.insert((profile, user));
                self.memberships.insert((user, profile));
            }
            Row::Grant(profile, right) => drop(self.grants.insert((profile, right))),
            Row::Direct(user, right) => {
                self.direct.insert((user, right));
                self.holders.insert((right, user));
            }
            Row::Session(session) => self.put_session(session),
            Row::Retired(hash, retired) => {
                self.retired_by_session.insert((retired.session, retired.until, hash));
                self.retired.insert(hash, retired);
            }
            Row::Attempts(name, attempts) => {
                self.attempts_refs.insert(attempts_ref(&name), name.clone());
                self.attempts.insert(name, attempts);
            }
            row => self.put_beside(row),
        }
    }

    /// What stands beside the records.
    fn put_beside(&mut self, row: Row) {
        match row {
            Row::Seen(id, at) => {
                self.seen.insert(id, at);
                self.seen_at.insert((at, id));
            }
            Row::History(no, old) => drop(self.histories.insert(no, old)),
            Row::OneTime(hash, it) => self.one_time.put(hash, it),
            Row::Connectors(connectors) => self.connectors = Some(connectors),
            Row::SaltCheck(check) => self.salt_check = Some(check),
            Row::SecondFactor(no, it) => drop(self.second_factors.insert(no, it)),
            Row::Half(hash, it) => self.halves.put(hash, it),
            Row::ActiveCode(it) => {
                self.active_by_user.insert((it.user, it.no));
                self.active_codes.insert(it.no, it);
            }
            Row::SelfReset(no, it) => drop(self.self_resets.insert(no, it)),
            Row::Mail(it) => {
                self.mails_by_due.insert((it.due, it.no));
                self.mails.insert(it.no, it);
            }
            // Records and sessions are put by whoever calls this.
            _ => {}
        }
    }

    fn put_session(&mut self, session: Session) {
        self.user_sessions.insert((session.user, session.no));
        self.session_ids.insert(session.id, session.no);
        self.tokens.insert(session.token, session.no);
        self.refreshes.insert(session.refresh, session.no);
        for previous in &session.previous {
            self.tokens.insert(previous.token, session.no);
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
            Key::Retired(hash) => {
                if let Some(it) = self.retired.remove(hash) {
                    self.retired_by_session.remove(&(it.session, it.until, *hash));
                }
            }
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
            Key::Connectors => self.connectors = None,
            Key::SaltCheck => self.salt_check = None,
            Key::SecondFactor(no) => drop(self.second_factors.remove(no)),
            Key::Half(hash) => self.halves.remove(hash),
            Key::ActiveCode(no) => {
                self.active_codes.remove(no).map(|it| self.active_by_user.remove(&(it.user, *no)));
            }
            Key::SelfReset(no) => drop(self.self_resets.remove(no)),
            Key::Mail(no) => {
                self.mails.remove(no).map(|it| self.mails_by_due.remove(&(it.due, *no)));
            }
        }
    }

    fn delete_session(&mut self, no: SessionNo) {
        let Some(session) = self.sessions.remove(&no) else { return };
        self.user_sessions.remove(&(session.user, no));
        self.session_ids.remove(&session.id);
        self.tokens.remove(&session.token);
        self.refreshes.remove(&session.refresh);
        for previous in session.previous {
            self.tokens.remove(&previous.token);
        }
    }
}
