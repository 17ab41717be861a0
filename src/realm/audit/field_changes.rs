//! Changes of records field by field, for replies and for the audit trail.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::realm::key::Key;
use crate::realm::model::{
    ATTRIBUTES, Location, Millis, ProfileNo, RightNo, SessionNo, TokenLifetimes, User, UserNo,
};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// The change of one field of a record. A value is null if the record does not have the field.
#[derive(Debug, Clone, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub struct FieldChange {
    /// The kind of record, such as USER, PROFILE, USER_RIGHT (a direct right of a user),
    /// PROFILE_RIGHT (a right of a profile) or PROFILE_USER (a user of a profile).
    pub table: &'static str,
    /// The name of the record. For USER_RIGHT the name of the user; for PROFILE_RIGHT and
    /// PROFILE_USER the name of the profile.
    pub key: String,
    /// The name of the field.
    pub field: &'static str,
    /// The value before the change; "(hidden)" if the user of the session may not see it.
    pub old: Value,
    /// The value after the change.
    pub new: Value,
}

/// The fields of one row, in the order in which they are displayed.
type Fields<'a> = Vec<(&'static str, DisplayValue<'a>)>;

/// The value of a field. A text is copied only when the value is displayed.
#[derive(Debug, Clone, PartialEq)]
enum DisplayValue<'a> {
    Text(Cow<'a, str>),
    UserId(UserNo, Location),
    Other(Value),
}

impl<'a> From<&'a str> for DisplayValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for DisplayValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a, T: Into<DisplayValue<'a>>> From<Option<T>> for DisplayValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Other(Value::Null), Into::into)
    }
}

macro_rules! shown_as_json {
    ($($plain:ty),*) => {$(
        impl From<$plain> for DisplayValue<'_> {
            fn from(value: $plain) -> Self {
                Self::Other(value.into())
            }
        }
    )*};
}
shown_as_json!(bool, u32, u64, usize);

impl DisplayValue<'_> {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::UserId(no, location) => no.id(*location).into(),
            Self::Other(value) => value.clone(),
        }
    }
}

impl Realm {
    /// Returns the field changes that `changes` make to this realm. Internal rows, such as
    /// counters, are left out.
    pub fn compare<'a>(&'a self, changes: &'a [Change]) -> impl Iterator<Item = FieldChange> + 'a {
        let viewpoint = Viewpoint { realm: self, changes };
        changes.iter().flat_map(move |change| viewpoint.compare(change))
    }
}

/// A lookup of record names: in the realm and, for new records, in the rows that the changes add.
#[derive(Clone, Copy)]
struct Viewpoint<'a> {
    realm: &'a Realm,
    changes: &'a [Change],
}

impl Viewpoint<'_> {
    fn compare(self, change: &Change) -> Vec<FieldChange> {
        let key = match change {
            Change::Put(row) => row.key(),
            Change::Delete(key) => key.clone(),
        };
        let Some((table, name)) = self.table_and_name(&key) else { return Vec::new() };
        let (user, row) = match &key {
            // Rows of users are not copied, because most changes are changes of users.
            Key::User(no) => (self.realm.user(*no), None),
            key => (None, self.realm.row(key)),
        };
        let old = user.map(display_user).or_else(|| Some(self.displayed(row.as_ref()?)));
        let old = old.unwrap_or_default();
        let new = match change {
            Change::Put(row) => self.displayed(row),
            Change::Delete(_) => Fields::new(),
        };
        let removed = old.iter().filter(|(field, _)| value(&new, field).is_none());
        let fields = new.iter().chain(removed).map(|(field, _)| *field);
        let change = |field| {
            let [old, new] = [&old, &new].map(|it| value(it, field));
            let to_json =
                |it: Option<&DisplayValue<'_>>| it.map_or(Value::Null, DisplayValue::value);
            let change = || (to_json(old), to_json(new));
            let (old, new) = (old != new).then(change).filter(|(old, new)| old != new)?;
            Some(FieldChange { table, key: name.clone(), field, old, new })
        };
        fields.filter_map(change).collect()
    }

    /// Returns the table and the name of a record; `None` if the row is internal, or if the user,
    /// profile or right that names the record is not found.
    fn table_and_name(self, key: &Key) -> Option<(&'static str, String)> {
        Some(match key {
            Key::Profile(no) => ("PROFILE", self.profile(*no)?),
            Key::Grant(no, _) => ("PROFILE_RIGHT", self.profile(*no)?),
            Key::Member(no, _) => ("PROFILE_USER", self.profile(*no)?),
            Key::User(no) => ("USER", self.user(*no)?),
            Key::Direct(no, _) => ("USER_RIGHT", self.user(*no)?),
            Key::Session(no) => {
                let user = self.realm.session(*no).map(|session| session.user);
                ("SESSION", self.user(user.or_else(|| self.new_session(*no))?)?)
            }
            Key::Attempts(name) => ("USER_LOGIN_ATTEMPT", name.to_string()),
            Key::Right(no) => ("RIGHT", self.right(*no)?),
            Key::TokenLifetimes => ("CONNECTOR_SETTINGS", String::new()),
            Key::SecondFactor(no) => ("SECOND_FACTOR", self.user(*no)?),
            Key::ActiveCode(no) => ("MFA_ACTIVE_CODE", no.to_string()),
            Key::Policy
            | Key::Counters
            | Key::RotatedToken(_)
            | Key::Seen(_)
            | Key::History(_)
            | Key::OneTime(_)
            | Key::PepperCheck
            | Key::PendingLogin(_)
            | Key::SelfReset(_)
            | Key::ConfiguredName(_)
            | Key::Places(_)
            | Key::Mail(_) => return None,
        })
    }

    /// Returns the first result of `read` for a row that the changes add or replace.
    fn first_put<T>(self, read: impl Fn(&Row) -> Option<T>) -> Option<T> {
        self.changes.iter().find_map(|change| match change {
            Change::Put(row) => read(row),
            Change::Delete(_) => None,
        })
    }

    fn user(self, no: UserNo) -> Option<String> {
        let name = |user: &User| user.name.to_string();
        let new = |row: &Row| match row {
            Row::User(user) if user.no == no => Some(name(user)),
            _ => None,
        };
        self.realm.user(no).map(name).or_else(|| self.first_put(new))
    }

    fn profile(self, no: ProfileNo) -> Option<String> {
        let new = |row: &Row| match row {
            Row::Profile(profile) if profile.no == no => Some(profile.name.to_string()),
            _ => None,
        };
        self.realm.profile(no).map(|it| it.name.to_string()).or_else(|| self.first_put(new))
    }

    fn right(self, no: RightNo) -> Option<String> {
        let new = |row: &Row| match row {
            Row::Right(right) if right.no == no => Some(right.code.to_string()),
            _ => None,
        };
        self.realm.right(no).map(|it| it.code.to_string()).or_else(|| self.first_put(new))
    }

    /// Returns the user of a session that the changes add.
    fn new_session(self, no: SessionNo) -> Option<UserNo> {
        self.first_put(|row| match row {
            Row::Session(session) if session.no == no => Some(session.user),
            _ => None,
        })
    }

    /// Returns the fields of a row; empty for an internal row.
    fn displayed(self, row: &Row) -> Fields<'_> {
        match row {
            Row::Profile(it) => vec![
                ("ID", it.id().into()),
                ("NAME", it.name.as_str().into()),
                ("DESCRIPTION", it.description.as_str().into()),
                ("STATUS", it.status.word().into()),
                ("RECORD_VERSION", it.version.into()),
            ],
            Row::Right(it) => vec![
                ("ID", it.no.id(it.location).into()),
                ("CODE", it.code.as_str().into()),
                ("DESCRIPTION", it.description.as_str().into()),
                ("GUARDED", it.guarded.then_some(true).into()),
            ],
            Row::User(user) => display_user(user),
            Row::Session(it) => {
                vec![("USER_NAME", self.user(it.user).into()), ("HOST", (&*it.host).into())]
            }
            Row::Attempts(_, it) => {
                let count = it.summary();
                vec![("ATTEMPTS", count.wrong.into()), ("LOCKED_UNTIL", count.locked_until.into())]
            }
            Row::TokenLifetimes(it) => display_lifetimes(it),
            Row::SecondFactor(_, it) => vec![
                ("STATUS", it.confirmed.as_ref().map(|_| on_or_off(it.enabled)).into()),
                ("PENDING", it.pending.as_ref().map(|_| true).into()),
                ("RECOVERY_CODES", it.confirmed.as_ref().map(|_| it.recovery.len()).into()),
            ],
            Row::Member(_, user) => vec![("USER_NAME", self.user(*user).into())],
            Row::ActiveCode(it) => vec![("USER_NAME", self.user(it.user).into())],
            Row::Grant(_, right) | Row::Direct(_, right) => {
                vec![("RIGHT_CODE", self.right(*right).into())]
            }
            // Internal rows.
            Row::Policy(_)
            | Row::Counters(_)
            | Row::RotatedToken(..)
            | Row::Seen(..)
            | Row::History(..)
            | Row::OneTime(..)
            | Row::PepperCheck(_)
            | Row::PendingLogin(..)
            | Row::SelfReset(..)
            | Row::ConfiguredName(..)
            | Row::Places(..)
            | Row::Mail(_) => Fields::new(),
        }
    }
}

fn value<'a, 'b>(fields: &'b Fields<'a>, name: &str) -> Option<&'b DisplayValue<'a>> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
}

fn on_or_off(enabled: bool) -> &'static str {
    if enabled { "ENABLED" } else { "DISABLED" }
}

fn display_lifetimes(lifetimes: &TokenLifetimes) -> Fields<'static> {
    let secs = |life: Option<Millis>| life.map(|life| life / 1_000).into();
    vec![
        ("ACCESS_TOKEN_LIFE_TIME", secs(lifetimes.access_ms)),
        ("REFRESH_TOKEN_LIFE_TIME", secs(lifetimes.refresh_ms)),
        ("ONE_TIME_TOKEN_LIFE_TIME", secs(lifetimes.one_time_ms)),
    ]
}

/// Returns the fields of a user. The field PASSWORD discloses only whether a password is set.
fn display_user(user: &User) -> Fields<'_> {
    let password = user.credential.as_ref().map(|_| "(set)");
    let mut fields = vec![
        ("ID", DisplayValue::UserId(user.no, user.location)),
        ("STATUS", user.status.word().into()),
        ("RECORD_VERSION", user.version.into()),
        ("USER_NAME", user.name.as_str().into()),
        ("PASSWORD", password.into()),
    ];
    let set = |(number, name): (u8, &&'static str)| Some((*name, user.attribute(number)?.into()));
    fields.extend((0..).zip(ATTRIBUTES).filter_map(set));
    fields
}
