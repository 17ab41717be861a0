//! Rows, the stored form of the realm, and their changes.

use std::sync::Arc;

use protocol::{UserName, expected_by_serde, to_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::model::{
    ActiveCode, Attempts, ConfiguredName, EntryId, Millis, OneTime, PendingLogin, Policy, Profile,
    ProfileNo, QueuedMail, Right, RightNo, SecondFactor, SelfReset, Session, SessionNo, TokenHash,
    TokenLifetimes, User, UserNo, UserPlaces, is_default,
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
    /// The edition of the rules by which commands are decided.
    #[serde(skip_serializing_if = "Edition::is_first")]
    pub edition: Edition,
    /// How many administration rights the last bootstrap knew; 0 before the second edition.
    #[serde(skip_serializing_if = "is_default")]
    pub administration: usize,
}

/// The edition of the rules by which commands are decided. Entries of the command log that an
/// earlier version decided are decided by its rules again, so that nothing that was acknowledged is
/// refused by a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Edition {
    /// Users can grant only rights that they hold, and amend only users whose effective rights they
    /// hold.
    #[default]
    First,
    /// The rules of `rules/authority.rs`, and proofs with an epoch.
    Authority,
}

impl Edition {
    /// The edition of this version, which the bootstrap puts into force.
    pub const CURRENT: Self = Self::Authority;

    /// Whether this is the first edition.
    pub(super) fn is_first(&self) -> bool {
        *self == Self::First
    }
}

/// A row. Each pair of a relation, such as a user in a profile, is a separate row. A profile of a
/// million users is therefore never one stored value.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// The policy in force.
    Policy(Box<Policy>),
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
    /// A name in the configuration, and the key that contains it.
    ConfiguredName(ConfiguredName, Box<str>),
    /// The client networks where a user logged in.
    Places(UserNo, UserPlaces),
}

/// The session and expiry of a rotated token, which is a refresh token that a refresh replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedToken {
    /// The session to which the token belonged.
    pub session: SessionNo,
    /// When the token would have expired; the row may be deleted then.
    pub until: Millis,
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
            Row::ConfiguredName(name, _) => Key::ConfiguredName(name.clone()),
            Row::Places(no, _) => Key::Places(*no),
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
            Row::Policy(_) | Row::ConfiguredName(..) | Row::Places(..) => true,
            Row::Counters(_) | Row::Seen(..) | Row::PepperCheck(_) => false,
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
            Row::ConfiguredName(_, row) => to_json(row),
            Row::Places(_, row) => to_json(row),
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
            Key::ConfiguredName(name) => Row::ConfiguredName(name, json(value)?),
            Key::Places(no) => Row::Places(no, json(value)?),
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
