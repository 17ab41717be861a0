//! Retries after a credential changed between its check and the commit of the command.

use std::future::Future;

use protocol::Nack;

use super::context::MessageContext;
use crate::realm::{Command, Outcome, Refusal};

/// Number of attempts before the client gets a NACK.
const ATTEMPTS_MAX: usize = 3;

/// The reason why an attempt failed.
#[derive(Debug)]
pub enum AttemptError {
    /// The credential or secret changed after the check. The check must be repeated.
    Stale,
    /// The message is refused.
    Nack(Nack),
}

impl AttemptError {
    /// Returns the NACK; `None` if the check must be repeated.
    pub fn nack(&self) -> Option<&Nack> {
        match self {
            Self::Nack(nack) => Some(nack),
            Self::Stale => None,
        }
    }
}

impl From<Nack> for AttemptError {
    fn from(nack: Nack) -> Self {
        Self::Nack(nack)
    }
}

/// Submits a command that carries the result of a check. If the stored credential or secret changed
/// after the check, the error is [`AttemptError::Stale`]. Other refusals are returned as outcomes.
pub async fn submit_checked(
    context: &MessageContext,
    command: Command,
) -> Result<Outcome, AttemptError> {
    match context.submit_raw(command).await? {
        Outcome::Refused(Refusal::StaleCredential) => Err(AttemptError::Stale),
        outcome => Ok(outcome),
    }
}

/// Calls `attempt` until its check is not stale, at most `ATTEMPTS_MAX` times. Each call must
/// read the realm again, because the data of the previous call is stale.
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
