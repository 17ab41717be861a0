//! Submission and acks of the events that change records.
//!
//! With VALIDATE the command is only planned, and the ack lists the changes that the command would
//! make.

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use super::ack::GeneratedDetails;
use super::dry_run::{self, WouldChange};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{Command, Outcome};

/// The ack of an event that changes records.
pub type Ack<D> = GeneratedDetails<Details<D>>;

/// Without VALIDATE: the result of the event, possibly without fields. With VALIDATE: WouldChange.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Details<D> {
    /// Without VALIDATE: what was changed.
    Changed(D),
    /// With VALIDATE: what would be changed.
    Preview(WouldChange),
}

/// No fields.
#[derive(Serialize, JsonSchema)]
pub struct NoDetails {}

/// Submits the command and returns the ack. If VALIDATE is set, the command is only previewed.
/// `read_outcome` returns `None` for an outcome that this command cannot have.
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

/// Returns empty details for an outcome without data; `None` for any other outcome.
pub fn no_details(outcome: Outcome) -> Option<NoDetails> {
    matches!(outcome, Outcome::Done | Outcome::EndedSessions(_)).then_some(NoDetails {})
}
