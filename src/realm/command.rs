//! Commands: everything that can change the realm. They carry answers, never questions or secrets.

use std::sync::Arc;

use protocol::{Description, ProfileName, RightCode, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Millis;
use super::ids::SessionNo;
use super::outcome::EndReason;
use super::policy::Policy;
use super::profiles::ProfileStatus;
use super::row::{Key, Row};
use super::sessions::{SessionId, TokenHash};
use super::users::UserStatus;

/// One step of the realm. Stored in the log as JSON: variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is described by its payload")]
pub enum Command {
    SetPolicy(Policy),
    Found(Found),
    AddUsers(Vec<NewUser>),
    SetCredential(SetCredential),
    Login(Login),
    Refresh(Refresh),
    End(End),
    ChangePassword(ChangePassword),
    Touch(Vec<Touched>),
    Sweep,
    InsertRight(By, RightWanted),
    InsertProfile(By, ProfileWanted),
    AmendProfile(By, ProfileWanted),
    DeleteProfile(By, ProfileWanted),
    DeleteRight(By, RightCode),
    InsertUser(By, UserWanted),
    AmendUser(By, Amendment, UserWanted),
    DeleteUser(By, UserWanted),
    ResetPassword(By, ResetPassword),
    ExpirePassword(By, UserName),
    SetAttempts(By, UserName, u32),
    EndAnother(By, SessionNo),
    Restore(Vec<StoredRow>),
    Note(Vec<Noted>),
}

/// Where a command came from, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// MESSAGE_TYPE.
    pub event: Box<str>,
    /// The peer's address.
    pub host: Box<str>,
    /// REASON: what the sender said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// What was refused before any command was made of it, and how often lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// MESSAGE_TYPE.
    pub event: Box<str>,
    /// From where.
    pub host: Box<str>,
    /// Who asked, or as whom: of the newest.
    pub user_name: Option<UserName>,
    /// The refusal.
    pub code: Box<str>,
    /// How many.
    pub count: u32,
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
    pub fn of(row: &Row) -> Self {
        Self::new(&row.key(), &row.value())
    }

    /// The same of its key and value.
    pub fn new(key: &Key, value: &[u8]) -> Self {
        Self { key: key.hex(), value: serde_json::from_slice(value).unwrap_or_default() }
    }

    /// Reads the row.
    pub fn read(&self) -> Result<Row, String> {
        let key = Key::from_hex(&self.key).ok_or("an unknown key")?;
        let row = Row::read(&key.bytes(), self.value.to_string().as_bytes())?;
        match row.key() == key && !row.is_too_long() {
            true => Ok(row),
            false => Err("a row that does not fit its key, or is too long".to_owned()),
        }
    }
}

/// The first start: what is missing of the administration rights, USER_ADMIN and its first user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Code and description of the administration rights.
    pub rights: Vec<(RightCode, Description)>,
    /// The profile that gives them all.
    pub profile: ProfileName,
    /// The first administrator, if one is to be made.
    pub administrator: Option<NewUser>,
}

/// A user to insert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The password's hash as a PHC string.
    pub credential: Option<Arc<str>>,
    /// Attributes by number.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attributes: Box<[(u8, Box<str>)]>,
    /// Profiles to be in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileName>,
}

/// A password set on the command line: ends the user's sessions and locks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetCredential {
    /// Whose.
    pub user_name: UserName,
    /// The new hash.
    pub credential: Arc<str>,
}

/// What the check of a password outside the realm said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The password fits the credential.
    Matched,
    /// It does not.
    Wrong,
    /// It was empty: it fits nothing, but may open a blank reset.
    Blank,
}

/// Names the credential that a password was checked against, without holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a PHC string (FNV-1a; it tells versions apart and protects nothing).
    pub fn of(credential: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(credential.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }
}

/// The tokens of a session to open, hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// SESSION_ID.
    pub id: SessionId,
    /// The hash of SESSION_AUTH_TOKEN.
    pub token: TokenHash,
    /// The hash of REFRESH_AUTH_TOKEN.
    pub refresh: TokenHash,
}

/// A login whose password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// As whom.
    pub user_name: UserName,
    /// What the check said.
    pub verdict: Verdict,
    /// Against which credential; none: there was none.
    pub checked: Option<Fingerprint>,
    /// The session to open.
    pub pair: Pair,
    /// From where.
    pub host: String,
    /// Whether a socket is bound to it, so that its heartbeats are watched.
    pub watched: bool,
}

/// A refresh token was presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refresh {
    /// Its hash.
    pub presented: TokenHash,
    /// The user who was named, if any.
    pub user_name: Option<UserName>,
    /// The new pair.
    pub pair: Pair,
    /// The new pair in clear, sealed under the presented token, for whoever presents it again.
    pub sealed: Vec<u8>,
    /// From where.
    pub host: String,
    /// Whether a socket is bound to it.
    pub watched: bool,
}

/// A session is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Which.
    pub session: SessionNo,
    /// Why.
    pub reason: EndReason,
    /// It is left alone if it was accessed after this time.
    pub unless_after: Option<Millis>,
}

/// A password change whose old password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// Whose.
    pub user_name: UserName,
    /// What the check of the old password said.
    pub verdict: Verdict,
    /// Against which credential.
    pub checked: Option<Fingerprint>,
    /// The hash of the new password.
    pub credential: Option<Arc<str>>,
    /// Another user does it, by right.
    pub by: Option<By>,
    /// The session that lives on.
    pub keep: Option<SessionNo>,
}

/// A session was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Which.
    pub session: SessionNo,
    /// When last.
    pub at: Millis,
    /// Whether a socket was ever bound to it.
    pub watched: bool,
}

/// Who commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The command line, on a stopped store.
    Operator,
    /// A session: its user's rights are looked up at commit.
    Session(SessionNo),
}

/// A right to insert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightWanted {
    /// The id, if the client chose one.
    pub id: Option<String>,
    /// The code.
    pub code: RightCode,
    /// What people read.
    pub description: Description,
}

/// How a profile should look. What is absent stays as it is; a list is the whole wanted state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileWanted {
    /// The key of an amend if present.
    pub id: Option<String>,
    /// The name: key, or the new name where an id is the key.
    pub name: Option<ProfileName>,
    /// What people read.
    pub description: Option<Description>,
    /// Whether it gives its rights.
    pub status: Option<ProfileStatus>,
    /// All rights that it should give.
    pub rights: Option<Vec<Wanted<RightCode>>>,
    /// All users who should be in it.
    pub users: Option<Vec<Wanted<UserName>>>,
    /// The version that the client read.
    pub record_version: Option<u32>,
}

/// Which event amends a user: each has a right of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Amendment {
    /// EVENT_AMEND_USER: all of the record.
    Record,
    /// EVENT_ENABLE_USER.
    Enable,
    /// EVENT_DISABLE_USER.
    Disable,
    /// EVENT_USER_PROFILE_AMEND: the profiles alone.
    Profiles,
}

impl Amendment {
    /// The right that it needs.
    pub const fn right(self) -> &'static str {
        match self {
            Self::Record => super::rights::AMEND_USER,
            Self::Enable => "ENABLE_USER",
            Self::Disable => "DISABLE_USER",
            Self::Profiles => "USER_PROFILE_AMEND",
        }
    }
}

/// An attribute by its number, and its text; none: cleared.
pub type AttributeWanted = (u8, Option<Box<str>>);

/// How a user should look. What is absent stays as it is; a list is the whole wanted state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserWanted {
    /// The key, or part of it.
    pub id: Option<String>,
    /// The name: the key, or the name of a new user.
    pub name: Option<UserName>,
    /// What the user may do at all.
    pub status: Option<UserStatus>,
    /// The hash of a new user's password.
    pub credential: Option<Arc<str>>,
    /// Attributes to set or clear.
    pub attributes: Vec<AttributeWanted>,
    /// All rights that the user should hold directly.
    pub rights: Option<Vec<Wanted<RightCode>>>,
    /// All profiles that the user should be in.
    pub profiles: Option<Vec<Wanted<ProfileName>>>,
    /// The version that the client read.
    pub record_version: Option<u32>,
}

/// A password is taken from its user by somebody with the right to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetPassword {
    /// Whose.
    pub user_name: UserName,
    /// The hash of a one-time password; none: a blank one opens the change.
    pub credential: Option<Arc<str>>,
}

/// A record named by its id, its name, or both, which must then agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wanted<N> {
    /// The id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub name: Option<N>,
}
