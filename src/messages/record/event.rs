//! What the events that change records share: the command is made, or with VALIDATE only planned,
//! and answered with what was done or would be.

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use super::ack::GeneratedDetails;
use super::dry_run::{self, WouldChange};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{Command, Outcome};
/// What was done, or with VALIDATE what would be.
pub type Ack<D> = GeneratedDetails<Details<D>>;

/// What an event that changes records answers in DETAILS.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Details<D> {
    /// What was done.
    Changed(D),
    /// With VALIDATE: what would be done.
    Preview(WouldChange),
}

/// Nothing to tell of what was done.
#[derive(Serialize, JsonSchema)]
pub struct NoDetails {}

/// Commands, or with VALIDATE only plans, and answers; `done` reads the outcome.
pub async fn submit_record_event<D>(
    context: &MessageContext,
    command: Command,
    read_outcome: impl FnOnce(Outcome) -> Option<D>,
) -> Result<Ack<D>, Nack> {
    if context.envelope.validate {
        let preview = dry_run::preview(context, &command)?;
        return Ok(GeneratedDetails::new(Details::Preview(preview)));
    }
    let done = read_outcome(context.submit(command).await?);
    let done = done.ok_or_else(|| errors::internal_error(context.event))?;
    Ok(GeneratedDetails::new(Details::Changed(done)))
}

/// Reads an outcome that has no details.
pub fn no_details(outcome: Outcome) -> Option<NoDetails> {
    matches!(outcome, Outcome::Done | Outcome::EndedSessions(_)).then_some(NoDetails {})
}
