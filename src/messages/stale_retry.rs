//! Retries of commands whose check became stale before the commit.

use std::future::Future;

use protocol::Nack;

use super::context::MessageContext;
use crate::realm::{Command, Outcome, Refusal};

/// Attempts before the client has to try again.
const ATTEMPTS_MAX: usize = 3;

/// Why an attempt did not succeed.
#[derive(Debug)]
pub enum AttemptError {
    /// The credential or secret that was checked has changed since: check again.
    Stale,
    /// The message is refused.
    Nack(Nack),
}

impl From<Nack> for AttemptError {
    fn from(nack: Nack) -> Self {
        Self::Nack(nack)
    }
}

/// Submits the command of a check. The realm compares what was checked with what is stored, so a
/// change between the two is [`AttemptError::Stale`]; other refusals are outcomes.
pub async fn submit_checked(
    context: &MessageContext,
    command: Command,
) -> Result<Outcome, AttemptError> {
    match context.submit_raw(command).await? {
        Outcome::Refused(Refusal::StaleCredential) => Err(AttemptError::Stale),
        outcome => Ok(outcome),
    }
}

/// Repeats an attempt while its check is stale. An attempt must read the realm itself: what it
/// read before is what became stale.
pub async fn retry_stale<T, F>(context: &MessageContext, attempt: impl Fn() -> F) -> Result<T, Nack>
where
    F: Future<Output = Result<T, AttemptError>>,
{
    for _ in 0..ATTEMPTS_MAX {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(AttemptError::Nack(nack)) => return Err(nack),
            Err(AttemptError::Stale) => {}
        }
    }
    Err(context.nack(Refusal::StaleCredential))
}
