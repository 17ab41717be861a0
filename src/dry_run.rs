//! A dry run: the plan of a command without its effect, told field by field (PROTOCOL §2).

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::realm::users::{ATTRIBUTES, User};
use crate::realm::{Change, Command, Key, Outcome, Realm, Row, UserNo};
use crate::refusal;

/// DETAILS of the ack of a dry run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct WouldChange {
    would_change: Vec<FieldChange>,
}

/// One field that would be different; null: not there.
#[derive(Debug, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub struct FieldChange {
    table: &'static str,
    key: String,
    field: &'static str,
    old: Value,
    new: Value,
}

/// Fields of records, relations and sessions that a dry run tells, beside a user's attributes.
const FIELDS: [&str; 12] = [
    "ID",
    "NAME",
    "CODE",
    "DESCRIPTION",
    "STATUS",
    "RECORD_VERSION",
    "RIGHT_CODE",
    "USER_NAME",
    "PASSWORD",
    "HOST",
    "ATTEMPTS",
    "LOCKED_UNTIL",
];

/// Checks everything that the command would be checked for, and says what it would do.
pub fn plan(call: &Call, command: &Command) -> Result<WouldChange, Nack> {
    let planned = call.read(|realm| {
        let applied = realm.plan(call.now, command);
        match applied.outcome {
            Outcome::Refused(refused) => Err(refused),
            _ => Ok(applied.changes.iter().flat_map(|change| fields(realm, change)).collect()),
        }
    });
    let would_change = planned.map_err(|refused| refusal::nack(&call.node, call.now, refused))?;
    Ok(WouldChange { would_change })
}

fn fields(realm: &Realm, change: &Change) -> Vec<FieldChange> {
    let key = match change {
        Change::Put(row) => row.key(),
        Change::Delete(key) => key.clone(),
    };
    let Some((table, name)) = named(realm, change, &key) else { return Vec::new() };
    let old = shown_now(realm, &key);
    let new = if let Change::Put(row) = change { shown(realm, row) } else { Map::new() };
    let different = |field: &&&'static str| old.get(**field) != new.get(**field);
    let value = |map: &Map<String, Value>, field: &str| map.get(field).cloned().unwrap_or_default();
    let change = |field: &&'static str| FieldChange {
        table,
        key: name.clone(),
        field,
        old: value(&old, field),
        new: value(&new, field),
    };
    FIELDS.iter().chain(ATTRIBUTES).filter(different).map(change).collect()
}

/// Table and key of what a change is about; bookkeeping rows are nobody's business.
fn named(realm: &Realm, change: &Change, key: &Key) -> Option<(&'static str, String)> {
    let new_name = |no| match change {
        Change::Put(Row::Profile(profile)) if profile.no == no => Some(profile.name.to_string()),
        _ => None,
    };
    let profile = |no| realm.profile(no).map(|it| it.name.to_string()).or_else(|| new_name(no));
    Some(match key {
        Key::Profile(no) => ("PROFILE", profile(*no)?),
        Key::Grant(no, _) => ("PROFILE_RIGHT", profile(*no).unwrap_or_default()),
        Key::Member(no, _) => ("PROFILE_USER", profile(*no).unwrap_or_default()),
        Key::User(no) => match change {
            Change::Put(Row::User(user)) => ("USER", user.name.to_string()),
            _ => ("USER", realm.user(*no)?.name.to_string()),
        },
        Key::Direct(no, _) => ("USER_RIGHT", user_name(realm, *no)?),
        Key::Session(no) => ("SESSION", user_name(realm, realm.session(*no)?.user)?),
        Key::Attempts(name) => ("USER_LOGIN_ATTEMPT", name.to_string()),
        Key::Right(no) => match change {
            Change::Put(Row::Right(right)) => ("RIGHT", right.code.to_string()),
            _ => ("RIGHT", realm.right(*no)?.code.to_string()),
        },
        _ => return None,
    })
}

fn user_name(realm: &Realm, no: UserNo) -> Option<String> {
    realm.user(no).map(|user| user.name.to_string())
}

fn shown_now(realm: &Realm, key: &Key) -> Map<String, Value> {
    let row = match key {
        Key::Profile(no) => realm.profile(*no).cloned().map(Row::Profile),
        Key::Right(no) => realm.right(*no).cloned().map(Row::Right),
        Key::User(no) => realm.user(*no).cloned().map(Row::User),
        Key::Session(no) => realm.session(*no).cloned().map(Row::Session),
        Key::Attempts(name) => {
            realm.attempts_of(name).cloned().map(|it| Row::Attempts(name.clone(), it))
        }
        Key::Direct(user, right) => {
            realm.direct_of(*user).any(|it| it == *right).then_some(Row::Direct(*user, *right))
        }
        Key::Member(profile, user) => {
            realm.is_member(*profile, *user).then_some(Row::Member(*profile, *user))
        }
        Key::Grant(profile, right) => {
            realm.grants_of(*profile).any(|it| it == *right).then_some(Row::Grant(*profile, *right))
        }
        _ => None,
    };
    row.map(|row| shown(realm, &row)).unwrap_or_default()
}

fn shown(realm: &Realm, row: &Row) -> Map<String, Value> {
    let shown = match row {
        Row::Profile(it) => json!({
            "ID": it.id(), "NAME": it.name, "DESCRIPTION": it.description,
            "STATUS": it.status.word(), "RECORD_VERSION": it.version,
        }),
        Row::Right(it) => json!({
            "ID": it.no.id(it.location), "CODE": it.code, "DESCRIPTION": it.description,
        }),
        Row::Member(_, user) => json!({ "USER_NAME": realm.user(*user).map(|user| &user.name) }),
        Row::User(user) => return shown_user(user),
        Row::Session(it) => json!({ "USER_NAME": user_name(realm, it.user), "HOST": it.host }),
        Row::Attempts(_, it) => {
            json!({ "ATTEMPTS": it.wrong, "LOCKED_UNTIL": it.locked_until })
        }
        Row::Grant(_, right) | Row::Direct(_, right) => {
            json!({ "RIGHT_CODE": realm.right(*right).map(|right| &right.code) })
        }
        _ => Value::Null,
    };
    if let Value::Object(map) = shown { map } else { Map::new() }
}

/// All that may be told of a user: of the password only that there is one.
fn shown_user(user: &User) -> Map<String, Value> {
    let mut map = Map::new();
    let password = user.credential.as_ref().map(|_| "(set)");
    let attributes = (0u8..).zip(ATTRIBUTES);
    map.extend(
        attributes.filter_map(|(n, name)| Some(((*name).to_owned(), user.attribute(n)?.into()))),
    );
    map.insert("ID".to_owned(), user.id().into());
    map.insert("USER_NAME".to_owned(), user.name.as_str().into());
    map.insert("STATUS".to_owned(), user.status.word().into());
    map.insert("PASSWORD".to_owned(), password.into());
    map.insert("RECORD_VERSION".to_owned(), user.version.into());
    map
}
