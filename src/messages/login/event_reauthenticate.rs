//! EVENT_REAUTHENTICATE: the user of the session proves the password again.

use protocol::{MfaCode, Nack, Password};
use schemars::JsonSchema;
use serde::Deserialize;

use super::authenticate::authenticate;
use super::second_factor::check_code;
use super::snapshot::LoginSnapshot;
use crate::messages::attempt::{Attempt, log_new_lock};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::record::Generated;
use crate::messages::stale_retry::{AttemptError, retry_stale, submit_checked};
use crate::realm::{Command, Outcome, Reauthenticate};

/// The password of the user of the session.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "EventReauthenticate", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ProveAgain {
    /// Current password of the user of the session.
    password: Password,
    /// Code of the authenticator app, or a recovery code. Required if logins of the user require
    /// such a code.
    mfa_code: Option<MfaCode>,
}

impl Message for ProveAgain {
    const TYPE: &'static str = "EVENT_REAUTHENTICATE";
    const SUMMARY: &'static str =
        "Proves the password of the user of the session again, and the second factor.";
    const DESCRIPTION: &'static str = "Messages that are refused with REAUTHENTICATION_REQUIRED \
        are then served for `security.reauthentication_mins`. A wrong password or code counts as \
        at a login.";
    const ACK: &'static str = "EVENT_REAUTHENTICATE_ACK";
    const NACK: &'static str = "EVENT_REAUTHENTICATE_NACK";
    const ACCESS: Access = Access::Session;
    const LOGGED: bool = true;
    type Ack = Generated;

    async fn serve(self, context: &MessageContext) -> Result<Generated, Nack> {
        let name = &context.session()?.user_name;
        let begun = Attempt::begin(context, Some(name)).await?;
        let proved = retry_stale(context, || self.attempt(context, &begun)).await?;
        if proved.is_err() {
            begun.fail();
            log_new_lock(context, name);
        }
        proved
    }
}

impl ProveAgain {
    async fn attempt(
        &self,
        context: &MessageContext,
        begun: &Attempt<'_>,
    ) -> Result<Result<Generated, Nack>, AttemptError> {
        let session = context.session()?;
        let name = &session.user_name;
        let _turn = begun.turn(name, None).await?;
        let snapshot = LoginSnapshot::by_name(context, name);
        let checked = authenticate(context, name, &self.password, &snapshot).await?;
        let proof = Reauthenticate {
            session: session.session,
            verdict: checked.verdict,
            checked: checked.checked,
            authenticated_by: checked.authenticated_by,
            presented: check_code(context, snapshot.second_factor.as_ref(), self.mfa_code.as_ref()),
            client: snapshot.client,
        };
        match submit_checked(context, Command::Reauthenticate(proof)).await? {
            Outcome::Done => Ok(Ok(Generated::default())),
            Outcome::Refused(refusal) => Ok(Err(context.nack(refusal))),
            _ => Err(errors::internal_error(Self::TYPE).into()),
        }
    }
}
