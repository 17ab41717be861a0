//! Dry runs: the field changes that a command would make, without applying it.

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use crate::messages::context::MessageContext;
use crate::realm::{Command, FieldChange, Outcome};

/// The result of an event with VALIDATE.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct WouldChange {
    /// The fields that the event would change.
    would_change: Vec<FieldChange>,
}

/// Checks the command as a real run does, and returns the field changes that the command would
/// make.
pub fn preview(context: &MessageContext, command: &Command) -> Result<WouldChange, Nack> {
    let planned = context.read(|realm| {
        let applied = realm.plan(context.now, command);
        match applied.outcome {
            Outcome::Refused(refused) => Err(refused),
            _ => Ok(realm.compare(&applied.changes).collect()),
        }
    });
    let would_change = planned.map_err(|refused| context.nack(refused))?;
    Ok(WouldChange { would_change })
}
