//! Rows: the image of the realm on disk. A change puts one row or deletes one.

use std::sync::Arc;

use protocol::{UserName, to_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{
    ActiveCode, Attempts, EntryId, Millis, OneTime, PendingLogin, Policy, Profile, ProfileNo,
    QueuedMail, Right, RightNo, SecondFactor, SelfReset, Session, SessionNo, TokenHash,
    TokenLifetimes, User, UserNo,
};

/// One difference between the realm before and after a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The row is now this.
    Put(Row),
    /// The row is gone.
    Delete(Key),
}

impl Change {
    /// What it leaves under which key.
    pub fn into_row(self) -> (Key, Option<Row>) {
        match self {
            Self::Put(row) => (row.key(), Some(row)),
            Self::Delete(key) => (key, None),
        }
    }
}

/// The next number of each kind; the founding ones count on their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Users that people inserted so far.
    pub users: u32,
    /// Profiles that people inserted so far.
    pub profiles: u32,
    /// Rights that people inserted so far.
    pub rights: u32,
    /// Records that first starts made so far, of every kind.
    #[serde(alias = "founded")]
    pub bootstrapped: u32,
    /// Sessions opened so far.
    pub sessions: u64,
    /// Active codes issued so far.
    pub active_codes: u64,
    /// Mails queued so far.
    pub mails: u64,
}

/// A record of the realm. Relations (who is in which profile) are rows of their own, so that a
/// profile of a million users is never one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// The policy in force.
    Policy(Policy),
    /// The next numbers.
    Counters(Counters),
    /// A right.
    Right(Right),
    /// A profile.
    Profile(Profile),
    /// A user.
    User(User),
    /// A user is in a profile.
    Member(ProfileNo, UserNo),
    /// A profile gives a right.
    Grant(ProfileNo, RightNo),
    /// A user holds a right directly.
    Direct(UserNo, RightNo),
    /// A session, live or dormant.
    Session(Session),
    /// A refresh token that was used: its use after the grace period ends the session.
    RotatedToken(TokenHash, RotatedToken),
    /// Wrong passwords of a name.
    Attempts(UserName, Attempts),
    /// An entry that was applied, and when; repeats of it are dropped.
    Seen(EntryId, Millis),
    /// Hashes of a user's former passwords, the newest first.
    History(UserNo, Box<[Arc<str>]>),
    /// A one-time token that is not used yet.
    OneTime(TokenHash, OneTime),
    /// The life times of tokens that win over the policy.
    TokenLifetimes(TokenLifetimes),
    /// What the salt of the system made of a fixed text, by which another salt is noticed.
    PepperCheck(Arc<str>),
    /// The second factor of a user.
    SecondFactor(UserNo, SecondFactor),
    /// A login that waits for its second factor.
    PendingLogin(TokenHash, PendingLogin),
    /// A code that stands for a second factor.
    ActiveCode(ActiveCode),
    /// The newest reset that a user asked for.
    SelfReset(UserNo, SelfReset),
    /// A mail that waits.
    Mail(QueuedMail),
}

/// Where a used refresh token belonged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedToken {
    /// The session of the family.
    pub session: SessionNo,
    /// When it may be forgotten.
    pub until: Millis,
}

/// What a row is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each names the row of the same name")]
pub enum Key {
    Policy,
    Counters,
    Right(RightNo),
    Profile(ProfileNo),
    User(UserNo),
    Member(ProfileNo, UserNo),
    Grant(ProfileNo, RightNo),
    Direct(UserNo, RightNo),
    Session(SessionNo),
    RotatedToken(TokenHash),
    Attempts(UserName),
    History(UserNo),
    OneTime(TokenHash),
    TokenLifetimes,
    PepperCheck,
    SecondFactor(UserNo),
    PendingLogin(TokenHash),
    ActiveCode(u64),
    SelfReset(UserNo),
    Mail(u64),
    Seen(EntryId),
}

impl Row {
    /// The key of this row.
    pub fn key(&self) -> Key {
        match self {
            Row::Policy(_) => Key::Policy,
            Row::Counters(_) => Key::Counters,
            Row::Right(right) => Key::Right(right.no),
            Row::Profile(profile) => Key::Profile(profile.no),
            Row::User(user) => Key::User(user.no),
            Row::Member(profile, user) => Key::Member(*profile, *user),
            Row::Grant(profile, right) => Key::Grant(*profile, *right),
            Row::Direct(user, right) => Key::Direct(*user, *right),
            Row::Session(session) => Key::Session(session.no),
            Row::RotatedToken(hash, _) => Key::RotatedToken(*hash),
            Row::Attempts(name, _) => Key::Attempts(name.clone()),
            Row::Seen(id, _) => Key::Seen(*id),
            Row::History(no, _) => Key::History(*no),
            Row::OneTime(hash, _) => Key::OneTime(*hash),
            Row::TokenLifetimes(_) => Key::TokenLifetimes,
            Row::PepperCheck(_) => Key::PepperCheck,
            Row::SecondFactor(no, _) => Key::SecondFactor(*no),
            Row::PendingLogin(hash, _) => Key::PendingLogin(*hash),
            Row::ActiveCode(code) => Key::ActiveCode(code.no),
            Row::SelfReset(no, _) => Key::SelfReset(*no),
            Row::Mail(mail) => Key::Mail(mail.no),
        }
    }

    /// The longest value that a store takes: sled puts longer ones into files that it never syncs.
    pub const VALUE_MAX: usize = 3_900;

    /// Whether its value is longer than that. Rows of fixed size are not measured.
    pub fn is_too_long(&self) -> bool {
        // JSON takes six bytes at most for one of a text. Users are measured often.
        let is_short = |user: &User| 512 + 6 * user.text_bytes() <= Self::VALUE_MAX;
        let of_any_size = match self {
            Row::User(user) => !is_short(user),
            Row::Right(_) | Row::Profile(_) | Row::Session(_) | Row::Attempts(..) => true,
            Row::History(..) | Row::SecondFactor(..) | Row::Mail(_) => true,
            Row::Policy(_) | Row::Counters(_) | Row::Seen(..) | Row::PepperCheck(_) => false,
            Row::Member(..) | Row::Grant(..) | Row::Direct(..) | Row::OneTime(..) => false,
            Row::RotatedToken(..) | Row::TokenLifetimes(_) | Row::PendingLogin(..) => false,
            Row::ActiveCode(_) | Row::SelfReset(..) => false,
        };
        of_any_size && self.value().len() > Self::VALUE_MAX
    }

    /// The stored value: JSON, so that a newer binary reads what an older one wrote.
    pub fn value(&self) -> Vec<u8> {
        match self {
            Row::Policy(row) => to_json(row),
            Row::Counters(row) => to_json(row),
            Row::Right(row) => to_json(row),
            Row::Profile(row) => to_json(row),
            Row::User(row) => to_json(row),
            Row::Member(..) | Row::Grant(..) | Row::Direct(..) => Vec::new(),
            Row::Session(row) => to_json(row),
            Row::RotatedToken(_, row) => to_json(row),
            Row::Attempts(_, row) => to_json(row),
            Row::Seen(_, at) => at.to_be_bytes().to_vec(),
            Row::History(_, row) => to_json(row),
            Row::OneTime(_, row) => to_json(row),
            Row::TokenLifetimes(row) => to_json(row),
            Row::PepperCheck(row) => to_json(row),
            Row::SecondFactor(_, row) => to_json(row),
            Row::PendingLogin(_, row) => to_json(row),
            Row::ActiveCode(row) => to_json(row),
            Row::SelfReset(_, row) => to_json(row),
            Row::Mail(row) => to_json(row),
        }
    }

    /// Reads a stored row back.
    pub fn read(key: &[u8], value: &[u8]) -> Result<Row, String> {
        fn json<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, String> {
            serde_json::from_slice(value).map_err(|error| format!("a row cannot be read: {error}"))
        }
        Ok(match Key::read(key).ok_or("a row has an unknown key")? {
            Key::Policy => Row::Policy(json(value)?),
            Key::Counters => Row::Counters(json(value)?),
            Key::Right(_) => Row::Right(json(value)?),
            Key::Profile(_) => Row::Profile(json(value)?),
            Key::User(_) => Row::User(json(value)?),
            Key::Member(profile, user) => Row::Member(profile, user),
            Key::Grant(profile, right) => Row::Grant(profile, right),
            Key::Direct(user, right) => Row::Direct(user, right),
            Key::Session(_) => Row::Session(json(value)?),
            Key::RotatedToken(hash) => Row::RotatedToken(hash, json(value)?),
            Key::Attempts(name) => Row::Attempts(name, json(value)?),
            Key::Seen(id) => {
                let at = value.try_into().map_err(|_| "a row has a value of the wrong length")?;
                Row::Seen(id, Millis::from_be_bytes(at))
            }
            Key::History(no) => Row::History(no, json(value)?),
            Key::OneTime(hash) => Row::OneTime(hash, json(value)?),
            Key::TokenLifetimes => Row::TokenLifetimes(json(value)?),
            Key::PepperCheck => Row::PepperCheck(json(value)?),
            Key::SecondFactor(no) => Row::SecondFactor(no, json(value)?),
            Key::PendingLogin(hash) => Row::PendingLogin(hash, json(value)?),
            Key::ActiveCode(_) => Row::ActiveCode(json(value)?),
            Key::SelfReset(no) => Row::SelfReset(no, json(value)?),
            Key::Mail(_) => Row::Mail(json(value)?),
        })
    }
}

impl Key {
    /// The stored key: a letter for the kind, then the numbers so that they sort.
    pub fn bytes(&self) -> Vec<u8> {
        let pair =
            |tag: u8, a: u32, b: u32| [&[tag][..], &a.to_be_bytes(), &b.to_be_bytes()].concat();
        let one = |tag: u8, rest: &[u8]| [&[tag][..], rest].concat();
        match self {
            Key::Policy => vec![b'P'],
            Key::Counters => vec![b'C'],
            Key::Right(no) => one(b'r', &no.0.to_be_bytes()),
            Key::Profile(no) => one(b'p', &no.0.to_be_bytes()),
            Key::User(no) => one(b'u', &no.0.to_be_bytes()),
            Key::Member(profile, user) => pair(b'm', profile.0, user.0),
            Key::Grant(profile, right) => pair(b'g', profile.0, right.0),
            Key::Direct(user, right) => pair(b'd', user.0, right.0),
            Key::Session(no) => one(b's', &no.0.to_be_bytes()),
            Key::RotatedToken(hash) => one(b't', &hash.0),
            Key::Attempts(name) => one(b'a', name.as_str().to_ascii_lowercase().as_bytes()),
            Key::Seen(id) => one(b'z', &id.0.to_be_bytes()),
            Key::History(no) => one(b'h', &no.0.to_be_bytes()),
            Key::OneTime(hash) => one(b'o', &hash.0),
            Key::TokenLifetimes => vec![b'L'],
            Key::PepperCheck => vec![b'K'],
            Key::SecondFactor(no) => one(b'f', &no.0.to_be_bytes()),
            Key::PendingLogin(hash) => one(b'l', &hash.0),
            Key::ActiveCode(no) => one(b'c', &no.to_be_bytes()),
            Key::SelfReset(no) => one(b'e', &no.0.to_be_bytes()),
            Key::Mail(no) => one(b'x', &no.to_be_bytes()),
        }
    }

    /// The stored key in hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    /// Reads it back.
    pub fn from_hex(text: &str) -> Option<Key> {
        Key::read(&hex::decode(text).ok()?)
    }

    fn read(bytes: &[u8]) -> Option<Key> {
        let (tag, rest) = bytes.split_first()?;
        let number = || Some(u32::from_be_bytes(rest.try_into().ok()?));
        let long = || Some(u64::from_be_bytes(rest.try_into().ok()?));
        let hash = || Some(TokenHash(rest.try_into().ok()?));
        let pair = || {
            let (a, b) = rest.split_at_checked(4)?;
            Some((u32::from_be_bytes(a.try_into().ok()?), u32::from_be_bytes(b.try_into().ok()?)))
        };
        Some(match tag {
            b'P' => Key::Policy,
            b'C' => Key::Counters,
            b'r' => Key::Right(RightNo(number()?)),
            b'p' => Key::Profile(ProfileNo(number()?)),
            b'u' => Key::User(UserNo(number()?)),
            b'm' => pair().map(|(a, b)| Key::Member(ProfileNo(a), UserNo(b)))?,
            b'g' => pair().map(|(a, b)| Key::Grant(ProfileNo(a), RightNo(b)))?,
            b'd' => pair().map(|(a, b)| Key::Direct(UserNo(a), RightNo(b)))?,
            b's' => Key::Session(SessionNo(long()?)),
            b't' => Key::RotatedToken(hash()?),
            b'a' => Key::Attempts(UserName::parse(std::str::from_utf8(rest).ok()?).ok()?),
            b'h' => Key::History(UserNo(number()?)),
            b'o' => Key::OneTime(hash()?),
            b'f' => Key::SecondFactor(UserNo(number()?)),
            b'l' => Key::PendingLogin(hash()?),
            b'c' => Key::ActiveCode(long()?),
            b'e' => Key::SelfReset(UserNo(number()?)),
            b'x' => Key::Mail(long()?),
            b'L' => Key::TokenLifetimes,
            b'K' => Key::PepperCheck,
            b'z' => Key::Seen(EntryId(u128::from_be_bytes(rest.try_into().ok()?))),
            _ => return None,
        })
    }
}

/// A row of an export, to be put as it was. Only the command line on a new store does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct StoredRow {
    /// Its key, in hexadecimal.
    key: String,
    /// Its value; null where the key says all.
    value: serde_json::Value,
}

impl StoredRow {
    /// The stored form of a row.
    pub fn from_row(row: &Row) -> Self {
        Self::new(&row.key(), &row.value())
    }

    /// The same of its key and value. Panics for [`Row::Seen`], which is no part of an export.
    pub fn new(key: &Key, value: &[u8]) -> Self {
        let value = match value {
            [] => serde_json::Value::Null,
            json => serde_json::from_slice(json)
                .unwrap_or_else(|error| panic!("the row {key:?} holds no JSON: {error}")),
        };
        Self { key: key.hex(), value }
    }

    /// Reads the row.
    pub fn read(&self) -> Result<Row, String> {
        let key = Key::from_hex(&self.key).ok_or("an unknown key")?;
        let row = Row::read(&key.bytes(), self.value.to_string().as_bytes())?;
        if row.key() == key && !row.is_too_long() {
            Ok(row)
        } else {
            Err("a row that does not fit its key, or is too long".to_owned())
        }
    }
}
