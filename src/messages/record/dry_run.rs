//! Dry runs: the field changes that a command would make, without applying it.

use protocol::{Nack, ProfileName, UserName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::messages::context::MessageContext;
use crate::realm::{Command, FieldChange, Outcome, Realm, User};

/// The value of OLD that the sender of a dry run may not see.
const HIDDEN: &str = "(hidden)";

/// The result of an event with VALIDATE.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct WouldChange {
    /// The fields that the event would change.
    would_change: Vec<FieldChange>,
}

/// Checks the command as a real run does, and returns the field changes that the command would
/// make. Old values that the sender could not read in a data source are hidden.
pub fn preview(context: &MessageContext, command: &Command) -> Result<WouldChange, Nack> {
    let sender = context.session()?.user;
    let (planned, target) = context.read(|realm| {
        let applied = realm.plan(context.now, command);
        let planned = match applied.outcome {
            Outcome::Refused(refused) => Err(refused),
            _ => {
                let hide = |change| hide_old(realm, realm.user(sender), change);
                Ok(realm.compare(&applied.changes).map(hide).collect())
            }
        };
        (planned, realm.target_name(command))
    });
    context.set_audited_target(target);
    let would_change = planned.map_err(|refused| context.nack(refused))?;
    Ok(WouldChange { would_change })
}

/// Hides the old value of a field unless this user could read it in a data source.
fn hide_old(realm: &Realm, user: Option<&User>, change: FieldChange) -> FieldChange {
    let may_read = |user: &User| {
        let holds = |right| realm.holds_code(user.no, right);
        view_right(&change).is_none_or(holds) || is_own(realm, user, &change)
    };
    // A record that does not exist yet has no old values to hide.
    let is_new = change.old.is_null() && !is_existing(realm, &change);
    if is_new || user.is_some_and(may_read) {
        change
    } else {
        FieldChange { old: HIDDEN.into(), ..change }
    }
}

/// Returns the right to read this field of all records in the data source that shows it; VIEW_AUDIT
/// for a field that only the audit trail shows. `None` if the right of the event suffices.
fn view_right(change: &FieldChange) -> Option<&'static str> {
    match (change.table, change.field) {
        ("USER", "PASSWORD") | ("SECOND_FACTOR" | "USER_LOGIN_ATTEMPT", _) => Some("VIEW_AUDIT"),
        ("SESSION", _) => Some("VIEW_SESSIONS"),
        ("CONNECTOR_SETTINGS", _) => None,
        _ => Some("VIEW_USERS"),
    }
}

/// Whether the field belongs to a record of the user: the user's own record, sessions, factors and
/// memberships, or a profile or a right that the user has.
fn is_own(realm: &Realm, user: &User, change: &FieldChange) -> bool {
    match change.table {
        "USER" | "USER_RIGHT" | "SESSION" | "SECOND_FACTOR" => user.name.is(&change.key),
        "PROFILE" | "PROFILE_RIGHT" => {
            let name = ProfileName::parse(&change.key).ok();
            let profile = name.and_then(|name| realm.profile_by_name(&name));
            profile.is_some_and(|profile| realm.is_member(profile.no, user.no))
        }
        "RIGHT" => realm.holds_code(user.no, &change.key),
        "PROFILE_USER" | "MFA_ACTIVE_CODE" => {
            change.old.as_str().is_some_and(|name| user.name.is(name))
        }
        _ => false,
    }
}

/// Whether the record of a field exists before the change.
fn is_existing(realm: &Realm, change: &FieldChange) -> bool {
    let key = &change.key;
    match change.table {
        "USER" => UserName::parse(key).is_ok_and(|name| realm.user_by_name(&name).is_some()),
        "PROFILE" => {
            ProfileName::parse(key).is_ok_and(|name| realm.profile_by_name(&name).is_some())
        }
        "RIGHT" => realm.right_by_code(key).is_some(),
        // The relations of a user or profile: a row without an old value is a new row.
        "USER_RIGHT" | "PROFILE_RIGHT" | "PROFILE_USER" => false,
        _ => true,
    }
}
