//! Scans of all rows in the order of their keys, for exports and stepwise backups.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use protocol::UserName;

use super::key::Key;
use super::key_kind::KeyKind;
use super::model::{ConfiguredName, EntryId, ProfileNo, RightNo, SessionNo, TokenHash, UserNo};
use super::row::Row;
use super::state::Realm;

/// Rows of one kind.
type Rows<'a> = Box<dyn Iterator<Item = Row> + 'a>;

impl Realm {
    /// Returns all rows. An empty realm to which they are added equals this realm.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.rows_after(None)
    }

    /// Returns the rows whose keys follow `after`; all rows if `after` is `None`.
    pub fn rows_after<'a>(&'a self, after: Option<&Key>) -> impl Iterator<Item = Row> + 'a {
        let after = after.cloned();
        let first = after.as_ref().map_or(KeyKind::Policy, Key::kind);
        let kinds = KeyKind::ALL.into_iter().filter(move |kind| *kind >= first);
        kinds.flat_map(move |kind| {
            self.rows_of_kind(kind, after.as_ref().filter(|key| key.kind() == kind))
        })
    }

    /// Returns the rows of a kind whose keys follow `after`, a key of that kind; all rows of the
    /// kind if `after` is `None`.
    fn rows_of_kind(&self, kind: KeyKind, after: Option<&Key>) -> Rows<'_> {
        match kind {
            KeyKind::Policy => single(after, Some(Row::Policy(self.policy.clone().into()))),
            KeyKind::Counters => single(after, Some(Row::Counters(self.counters.clone()))),
            KeyKind::Right => table(&self.rights, after, |_, it| Row::Right(it.clone())),
            KeyKind::Profile => table(&self.profiles, after, |_, it| Row::Profile(it.clone())),
            KeyKind::User => table(&self.users, after, |_, it| Row::User((**it).clone())),
            KeyKind::Member => set(&self.members, after, |(a, b)| Row::Member(*a, *b)),
            KeyKind::Grant => set(&self.grants, after, |(a, b)| Row::Grant(*a, *b)),
            KeyKind::Direct => set(&self.direct, after, |(a, b)| Row::Direct(*a, *b)),
            KeyKind::Session => table(&self.sessions, after, |_, it| Row::Session((**it).clone())),
            KeyKind::RotatedToken => {
                table(&self.rotated_tokens, after, |hash, it| Row::RotatedToken(*hash, *it))
            }
            KeyKind::Attempts => {
                table(&self.attempts, after, |name, it| Row::Attempts(name.clone(), it.clone()))
            }
            KeyKind::History => {
                table(&self.histories, after, |no, it| Row::History(*no, it.clone()))
            }
            KeyKind::OneTime => {
                table(self.one_time.rows(), after, |hash, it| Row::OneTime(*hash, *it))
            }
            KeyKind::TokenLifetimes => single(after, self.token_lifetimes.map(Row::TokenLifetimes)),
            KeyKind::PepperCheck => single(after, self.pepper_check.clone().map(Row::PepperCheck)),
            KeyKind::SecondFactor => {
                table(&self.second_factors, after, |no, it| Row::SecondFactor(*no, it.clone()))
            }
            KeyKind::PendingLogin => table(self.pending_logins.rows(), after, |hash, it| {
                Row::PendingLogin(*hash, it.clone())
            }),
            KeyKind::ActiveCode => table(&self.active_codes, after, |_, it| Row::ActiveCode(*it)),
            KeyKind::SelfReset => {
                table(&self.self_resets, after, |no, it| Row::SelfReset(*no, it.clone()))
            }
            KeyKind::Mail => table(&self.mails, after, |_, it| Row::Mail(it.clone())),
            KeyKind::ConfiguredName => table(&self.configured, after, |name, key| {
                Row::ConfiguredName(name.clone(), key.clone())
            }),
            KeyKind::Places => table(&self.places, after, |no, it| Row::Places(*no, it.clone())),
            KeyKind::Seen => table(&self.seen, after, |id, at| Row::Seen(*id, *at)),
        }
    }

    /// Returns the number of rows.
    pub fn rows_count(&self) -> usize {
        KeyKind::ALL.iter().map(|kind| self.count_of_kind(*kind)).sum()
    }

    fn count_of_kind(&self, kind: KeyKind) -> usize {
        match kind {
            KeyKind::Policy | KeyKind::Counters => 1,
            KeyKind::Right => self.rights.len(),
            KeyKind::Profile => self.profiles.len(),
            KeyKind::User => self.users.len(),
            KeyKind::Member => self.members.len(),
            KeyKind::Grant => self.grants.len(),
            KeyKind::Direct => self.direct.len(),
            KeyKind::Session => self.sessions.len(),
            KeyKind::RotatedToken => self.rotated_tokens.len(),
            KeyKind::Attempts => self.attempts.len(),
            KeyKind::History => self.histories.len(),
            KeyKind::OneTime => self.one_time.len(),
            KeyKind::TokenLifetimes => self.token_lifetimes.iter().len(),
            KeyKind::PepperCheck => self.pepper_check.iter().len(),
            KeyKind::SecondFactor => self.second_factors.len(),
            KeyKind::PendingLogin => self.pending_logins.len(),
            KeyKind::ActiveCode => self.active_codes.len(),
            KeyKind::SelfReset => self.self_resets.len(),
            KeyKind::Mail => self.mails.len(),
            KeyKind::ConfiguredName => self.configured.len(),
            KeyKind::Places => self.places.len(),
            KeyKind::Seen => self.seen.len(),
        }
    }

    /// Returns the row with this key; `None` if it does not exist.
    pub fn row(&self, key: &Key) -> Option<Row> {
        Some(match key {
            Key::Policy => Row::Policy(self.policy.clone().into()),
            Key::Counters => Row::Counters(self.counters.clone()),
            Key::Right(no) => Row::Right(self.rights.get(no)?.clone()),
            Key::Profile(no) => Row::Profile(self.profiles.get(no)?.clone()),
            Key::User(no) => Row::User(self.user(*no)?.clone()),
            Key::Member(a, b) => self.members.get(&(*a, *b)).map(|(a, b)| Row::Member(*a, *b))?,
            Key::Grant(a, b) => self.grants.get(&(*a, *b)).map(|(a, b)| Row::Grant(*a, *b))?,
            Key::Direct(a, b) => self.direct.get(&(*a, *b)).map(|(a, b)| Row::Direct(*a, *b))?,
            Key::Session(no) => Row::Session(self.session(*no)?.clone()),
            Key::RotatedToken(hash) => Row::RotatedToken(*hash, *self.rotated_tokens.get(hash)?),
            Key::Attempts(name) => Row::Attempts(name.clone(), self.attempts.get(name)?.clone()),
            Key::ConfiguredName(name) => {
                Row::ConfiguredName(name.clone(), self.configured.get(name)?.clone())
            }
            Key::Places(no) => Row::Places(*no, self.places.get(no)?.clone()),
            Key::Seen(id) => Row::Seen(*id, *self.seen.get(id)?),
            Key::History(no) => Row::History(*no, self.histories.get(no)?.clone()),
            Key::OneTime(hash) => Row::OneTime(*hash, *self.one_time.get(hash)?),
            Key::TokenLifetimes => Row::TokenLifetimes(self.token_lifetimes?),
            Key::PepperCheck => Row::PepperCheck(self.pepper_check.clone()?),
            Key::SecondFactor(no) => Row::SecondFactor(*no, self.second_factors.get(no)?.clone()),
            Key::PendingLogin(hash) => {
                Row::PendingLogin(*hash, self.pending_logins.get(hash)?.clone())
            }
            Key::ActiveCode(no) => Row::ActiveCode(*self.active_codes.get(no)?),
            Key::SelfReset(no) => Row::SelfReset(*no, self.self_resets.get(no)?.clone()),
            Key::Mail(no) => Row::Mail(self.mails.get(no)?.clone()),
        })
    }
}

/// Returns the only row of a kind; nothing if the scan continues after this row.
fn single<'a>(after: Option<&Key>, row: Option<Row>) -> Rows<'a> {
    Box::new(row.filter(|_| after.is_none()).into_iter())
}

fn table<'a, K: TableKey, V>(
    table: &'a BTreeMap<K, V>,
    after: Option<&Key>,
    row: fn(&K, &V) -> Row,
) -> Rows<'a> {
    Box::new(table.range(range_after::<K>(after)).map(move |(key, value)| row(key, value)))
}

fn set<'a, K: TableKey>(
    table: &'a BTreeSet<K>,
    after: Option<&Key>,
    row: fn(&K) -> Row,
) -> Rows<'a> {
    Box::new(table.range(range_after::<K>(after)).map(row))
}

/// Returns the range of the keys that follow `after`; all keys if `after` is `None`.
fn range_after<K: TableKey>(after: Option<&Key>) -> (Bound<K>, Bound<K>) {
    (after.and_then(K::from_row_key).map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// The key of a table of the realm.
trait TableKey: Ord + Sized {
    /// Extracts the key of the table from the key of a row; `None` if the row belongs to a table
    /// whose keys have another type.
    fn from_row_key(key: &Key) -> Option<Self>;
}

macro_rules! table_keys {
    ($($table_key:ty: $key:pat => $value:expr;)+) => {$(
        impl TableKey for $table_key {
            fn from_row_key(key: &Key) -> Option<Self> {
                if let $key = key { Some($value) } else { None }
            }
        }
    )+};
}
table_keys! {
    RightNo: Key::Right(no) => *no;
    ProfileNo: Key::Profile(no) => *no;
    ConfiguredName: Key::ConfiguredName(name) => name.clone();
    UserNo: Key::User(no) | Key::History(no) | Key::SecondFactor(no) | Key::SelfReset(no)
        | Key::Places(no) => *no;
    (ProfileNo, UserNo): Key::Member(profile, user) => (*profile, *user);
    (ProfileNo, RightNo): Key::Grant(profile, right) => (*profile, *right);
    (UserNo, RightNo): Key::Direct(user, right) => (*user, *right);
    SessionNo: Key::Session(no) => *no;
    TokenHash: Key::RotatedToken(hash) | Key::OneTime(hash) | Key::PendingLogin(hash) => *hash;
    UserName: Key::Attempts(name) => name.clone();
    u64: Key::ActiveCode(no) | Key::Mail(no) => *no;
    EntryId: Key::Seen(id) => *id;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::model::{
        AccountChecks, ActiveCode, MailKind, OneTime, PendingLogin, Profile, ProfileStatus,
        QueuedMail, Right, Session, SessionId, User, UserStatus,
    };
    use crate::realm::row::{Change, RotatedToken};

    #[test]
    fn a_scan_continues_after_any_row_and_each_row_is_found_by_its_key() {
        let mut realm = Realm::default();
        let rows = (1..=3).flat_map(|number| [records(number), others(number)].concat());
        realm.apply_changes(&rows.map(Change::Put).collect::<Vec<_>>());
        let all: Vec<Row> = realm.rows().collect();
        for kind in KeyKind::ALL {
            let is_single = matches!(
                kind,
                KeyKind::Policy
                    | KeyKind::Counters
                    | KeyKind::TokenLifetimes
                    | KeyKind::PepperCheck
            );
            let count = all.iter().filter(|row| row.key().kind() == kind).count();
            assert_eq!(count, if is_single { 1 } else { 3 }, "{kind:?}");
        }
        assert_eq!(all.len(), realm.rows_count());
        for (index, row) in all.iter().enumerate() {
            let key = row.key();
            assert_eq!(realm.row(&key).as_ref(), Some(row));
            let after: Vec<Row> = realm.rows_after(Some(&key)).collect();
            assert_eq!(after, all[index + 1..]);
        }
        assert!(all.is_sorted_by_key(Row::key));
    }

    fn records(number: u32) -> Vec<Row> {
        let location = Default::default();
        let (user, profile, right) = (UserNo(number), ProfileNo(number), RightNo(number));
        vec![
            Row::Right(Right {
                no: right,
                location,
                code: protocol::RightCode::parse(&format!("RIGHT_{number}")).unwrap(),
                description: Default::default(),
                guarded: false,
            }),
            Row::Profile(Profile {
                no: profile,
                location,
                name: protocol::ProfileName::parse(&format!("PROFILE_{number}")).unwrap(),
                description: Default::default(),
                status: ProfileStatus::Enabled,
                version: 1,
            }),
            Row::User(User {
                no: user,
                location,
                name: name(number),
                status: UserStatus::Enabled,
                credential: None,
                credential_at: 0,
                attributes: Default::default(),
                last_login: None,
                version: 1,
                directory: false,
                proof_epoch: 0,
                must_change: None,
            }),
            Row::Member(profile, user),
            Row::Grant(profile, right),
            Row::Direct(user, right),
        ]
    }

    fn others(number: u32) -> Vec<Row> {
        let (user, session) = (UserNo(number), SessionNo(number.into()));
        let hash = |byte: u8| TokenHash([byte + number as u8; 32]);
        vec![
            Row::Policy(Default::default()),
            Row::Counters(Default::default()),
            Row::Session(Session {
                no: session,
                id: SessionId(uuid::Uuid::from_u128(number.into())),
                user,
                host: "here".into(),
                token: hash(10),
                refresh: hash(20),
                opened: 1,
                accessed: 1,
                refresh_until: 9,
                before: Default::default(),
                monitored: false,
                fixed_end: None,
                factor_verified: false,
                dormant: None,
                grace_pairs: Vec::new(),
                max_end: None,
                proved_at: 0,
                factor_proved_at: 0,
            }),
            Row::RotatedToken(hash(30), RotatedToken { session, until: 9 }),
            Row::Attempts(name(number), Default::default()),
            Row::History(user, Box::default()),
            Row::OneTime(hash(40), OneTime { user, session, until: 9 }),
            Row::TokenLifetimes(Default::default()),
            Row::PepperCheck("check".into()),
            Row::SecondFactor(user, Default::default()),
            Row::PendingLogin(hash(50), pending_login(user)),
            Row::ActiveCode(ActiveCode {
                no: number.into(),
                user,
                hash: hash(60),
                issued: 1,
                until: 9,
                epoch: 0,
            }),
            Row::SelfReset(user, Default::default()),
            Row::Mail(queued_mail(number.into(), user)),
            Row::ConfiguredName(ConfiguredName::LocalUser(name(number)), "key".into()),
            Row::Places(user, Default::default()),
            Row::Seen(EntryId(number.into()), 5),
        ]
    }

    fn queued_mail(no: u64, user: UserNo) -> QueuedMail {
        let kind = MailKind::OneTimePassword;
        QueuedMail {
            no,
            user,
            kind,
            made: 1,
            due: 1,
            send_attempts: 0,
            secret_issued: false,
            epoch: 0,
        }
    }

    fn pending_login(user: UserNo) -> PendingLogin {
        PendingLogin {
            user,
            until: 9,
            checked: None,
            checks: AccountChecks::Enforced,
            wrong: 0,
            factor_verified: false,
            codes: Vec::new(),
            codes_until: 9,
            mailed: 0,
            epoch: 0,
            network: Box::default(),
            monitored: false,
        }
    }

    fn name(number: u32) -> UserName {
        UserName::parse(&format!("user{number}")).unwrap()
    }
}
