//! A dry run: the plan of a command without its effect, told field by field (PROTOCOL §2).

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::realm::{Change, Command, Key, Outcome, Realm, Row};
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
    let fields = [
        "ID",
        "NAME",
        "CODE",
        "DESCRIPTION",
        "STATUS",
        "RECORD_VERSION",
        "RIGHT_CODE",
        "USER_NAME",
    ];
    let value = |map: &Map<String, Value>, field: &str| map.get(field).cloned().unwrap_or_default();
    let change = |field: &&'static str| FieldChange {
        table,
        key: name.clone(),
        field,
        old: value(&old, field),
        new: value(&new, field),
    };
    fields.iter().filter(different).map(change).collect()
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
        Key::Right(no) => match change {
            Change::Put(Row::Right(right)) => ("RIGHT", right.code.to_string()),
            _ => ("RIGHT", realm.right(*no)?.code.to_string()),
        },
        _ => return None,
    })
}

fn shown_now(realm: &Realm, key: &Key) -> Map<String, Value> {
    let row = match key {
        Key::Profile(no) => realm.profile(*no).cloned().map(Row::Profile),
        Key::Right(no) => realm.right(*no).cloned().map(Row::Right),
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
        Row::Grant(_, right) => {
            json!({ "RIGHT_CODE": realm.right(*right).map(|right| &right.code) })
        }
        _ => Value::Null,
    };
    if let Value::Object(map) = shown { map } else { Map::new() }
}
