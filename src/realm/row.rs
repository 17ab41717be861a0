//! Rows, the stored form of the realm, and their changes.

use std::sync::Arc;

use protocol::{UserName, expected_by_serde, to_json};
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
    /// The row is added or replaced.
    Put(Row),
    /// The row is deleted.
    Delete(Key),
}

impl Change {
    /// Returns the key, and the row that the change stores under this key; `None` if the change
    /// deletes the row.
    pub fn into_row(self) -> (Key, Option<Row>) {
        match self {
            Self::Put(row) => (row.key(), Some(row)),
            Self::Delete(key) => (key, None),
        }
    }
}

/// The last numbers that were issued. Records that the bootstrap creates have numbers of a separate
/// range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// The last number of an inserted user.
    pub users: u32,
    /// The last number of an inserted profile; numbers that clients chose do not count.
    pub profiles: u32,
    /// The last number of an inserted right; numbers that clients chose do not count.
    pub rights: u32,
    /// How many numbers of the bootstrap's range were issued, or skipped because a client had
    /// chosen them for a right; one count for all kinds of records.
    #[serde(alias = "founded")]
    pub bootstrapped: u32,
    /// The last number of a session.
    pub sessions: u64,
    /// The last number of an active code.
    pub active_codes: u64,
    /// The last number of a mail.
    pub mails: u64,
}

/// A row. Each pair of a relation, such as a user in a profile, is a separate row. A profile of a
/// million users is therefore never one stored value.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// The policy in force.
    Policy(Policy),
    /// The counters.
    Counters(Counters),
    /// A right.
    Right(Right),
    /// A profile.
    Profile(Profile),
    /// A user.
    User(User),
    /// A user is in a profile.
    Member(ProfileNo, UserNo),
    /// A profile grants a right.
    Grant(ProfileNo, RightNo),
    /// A user holds a right directly.
    Direct(UserNo, RightNo),
    /// A session, live or dormant.
    Session(Session),
    /// A rotated token. Its use after the grace period revokes the session.
    RotatedToken(TokenHash, RotatedToken),
    /// Failed and rejected logins under a user name.
    Attempts(UserName, Attempts),
    /// The id and the time of an applied entry, so that a repeat of the entry is ignored.
    Seen(EntryId, Millis),
    /// Hashes of a user's former passwords, the newest first.
    History(UserNo, Box<[Arc<str>]>),
    /// A one-time token that was not spent yet.
    OneTime(TokenHash, OneTime),
    /// The token lifetimes that override the policy.
    TokenLifetimes(TokenLifetimes),
    /// The hash of a fixed text with the pepper, by which a changed pepper is detected.
    PepperCheck(Arc<str>),
    /// The second factor of a user.
    SecondFactor(UserNo, SecondFactor),
    /// A login that waits for its second factor.
    PendingLogin(TokenHash, PendingLogin),
    /// A code that replaces mailed links as second factor.
    ActiveCode(ActiveCode),
    /// The newest password reset that a user requested.
    SelfReset(UserNo, SelfReset),
    /// A queued mail.
    Mail(QueuedMail),
}

/// The session and expiry of a rotated token, which is a refresh token that a refresh replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedToken {
    /// The session to which the token belonged.
    pub session: SessionNo,
    /// When the token would have expired; the row may be deleted then.
    pub until: Millis,
}

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the key of the row of the same name")]
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
    /// Returns the key of the row.
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

    /// Maximum size of a stored value in bytes: sled puts longer values into files that it never
    /// syncs.
    pub const VALUE_MAX: usize = 3_900;

    /// Whether the stored value of the row exceeds [`Self::VALUE_MAX`]. Rows of bounded size are
    /// not measured.
    pub fn is_too_long(&self) -> bool {
        // A byte of a text takes at most six bytes as JSON, and the other fields take fewer than
        // 512. The estimate avoids encoding users, which are measured often.
        let is_short = |user: &User| 512 + 6 * user.text_bytes() <= Self::VALUE_MAX;
        let may_be_long = match self {
            Row::User(user) => !is_short(user),
            Row::Right(_) | Row::Profile(_) | Row::Session(_) | Row::Attempts(..) => true,
            Row::History(..) | Row::SecondFactor(..) | Row::Mail(_) => true,
            Row::Policy(_) | Row::Counters(_) | Row::Seen(..) | Row::PepperCheck(_) => false,
            Row::Member(..) | Row::Grant(..) | Row::Direct(..) | Row::OneTime(..) => false,
            Row::RotatedToken(..) | Row::TokenLifetimes(_) | Row::PendingLogin(..) => false,
            Row::ActiveCode(_) | Row::SelfReset(..) => false,
        };
        may_be_long && self.value().len() > Self::VALUE_MAX
    }

    /// Returns the stored value: JSON, so that a newer binary can read the rows of an older binary.
    /// Exceptions: relations have no value, and [`Row::Seen`] is a number of 8 bytes.
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

    /// Decodes a stored row; an error states what is wrong.
    pub fn read(key: &[u8], value: &[u8]) -> Result<Row, String> {
        Key::read(key)
            .ok_or_else(|| "its key is unknown".to_owned())
            .and_then(|key| Row::decode(key, value))
            .map_err(|error| format!("the row {} is invalid: {error}", hex::encode(key)))
    }

    fn decode(key: Key, value: &[u8]) -> Result<Row, String> {
        fn json<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, String> {
            serde_json::from_slice(value).map_err(|error| {
                let text = error.to_string();
                expected_by_serde(&text).map(|it| format!("expected {it}")).unwrap_or(text)
            })
        }
        Ok(match key {
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
                let at = value.try_into().map_err(|_| "expected 8 bytes")?;
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
    /// Returns the stored key: a letter for the kind, then numbers, a hash or a name in lower case.
    /// Numbers are big-endian, so that keys sort by number.
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

    /// Returns the stored key in hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    /// Decodes a key in hexadecimal; `None` if the text is not a key.
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

/// A row of an export. Only the command line restores it, into a new store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct StoredRow {
    /// Key of the row, in hexadecimal.
    key: String,
    /// Value of the row; null if the key contains everything.
    value: serde_json::Value,
}

impl StoredRow {
    /// Returns the exported form of a row.
    pub fn from_row(row: &Row) -> Self {
        Self::new(&row.key(), &row.value())
    }

    /// Returns the exported form of a stored key and value. Panics for [`Row::Seen`], which exports
    /// do not contain.
    pub fn new(key: &Key, value: &[u8]) -> Self {
        let value = match value {
            [] => serde_json::Value::Null,
            json => serde_json::from_slice(json)
                .unwrap_or_else(|error| panic!("the row {key:?} is not JSON: {error}")),
        };
        Self { key: key.hex(), value }
    }

    /// Decodes the row; an error states what is wrong.
    pub fn read(&self) -> Result<Row, String> {
        let key = Key::from_hex(&self.key)
            .ok_or_else(|| format!("{:?} is not the key of a row", self.key))?;
        let row = Row::read(&key.bytes(), self.value.to_string().as_bytes())?;
        if row.key() != key {
            return Err(format!("the row does not match its key {}", self.key));
        }
        if row.is_too_long() {
            return Err(format!("the row {} is longer than {} bytes", self.key, Row::VALUE_MAX));
        }
        Ok(row)
    }
}
