//! A dry run: the plan of a command without its effect, told field by field.

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use crate::messages::context::MessageContext;
use crate::realm::{Command, FieldChange, Outcome};
/// DETAILS of the ack of a dry run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct WouldChange {
    would_change: Vec<FieldChange>,
}

/// Checks everything that the command would be checked for, and says what it would do.
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
