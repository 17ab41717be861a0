//! EVENT_VERIFY_ONE_TIME_TOKEN: whose a one-time token is; it is spent by the question (S1, "OTT
//! verification").

use protocol::{Nack, SessionToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::{MessageContext, no_session};
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::realm::{Actor, Command, Outcome, Refusal, SpendOneTime, TokenHash};
use crate::settings::OneTimeTokenVerify;
/// The token.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct VerifyOneTimeToken {
    token: SessionToken,
}

/// Whether it was good; used, expired and unknown look alike.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    details: Details,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Details {
    valid: bool,
    is_expired: bool,
    /// Whose it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
}

impl Message for VerifyOneTimeToken {
    const TYPE: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN";
    const ACK: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN_ACK";
    const NACK: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN_NACK";
    // The right VERIFY_OTT, unless `security.one_time_token_verify` is open.
    const ACCESS: Access = Access::Anyone;
    type Ack = Ack;

    async fn serve(self, call: &MessageContext) -> Result<Ack, Nack> {
        let by = verifier(call)?;
        // Where everybody may ask, guessing tokens is as slow as guessing passwords.
        let by_anybody = by.is_none();
        if by_anybody {
            call.check_failure_limit()?;
        }
        let over = || {
            if by_anybody {
                call.record_failure();
            }
            Ok(Ack::of(None))
        };
        let token = TokenHash(crate::auth::hash_token(self.token.expose()));
        if !call.read(|realm| realm.one_time_is_good(call.now, &token)) {
            return over();
        }
        match call.submit(Command::SpendOneTime(SpendOneTime { token, by })).await? {
            Outcome::OneTimeTokenUsed(user) => Ok(Ack::of(Some(&user))),
            Outcome::Refused(Refusal::InvalidOneTimeToken) => over(),
            Outcome::Refused(refused) => Err(errors::nack(&call.node, call.now, refused)),
            _ => Err(errors::unexpected_outcome()),
        }
    }
}

/// Who verifies; none: everybody may.
fn verifier(call: &MessageContext) -> Result<Option<Actor>, Nack> {
    if call.node.settings().security.one_time_token_verify_by == OneTimeTokenVerify::Open {
        return Ok(None);
    }
    let session = call.session.as_ref().ok_or_else(no_session)?;
    match call.read(|realm| realm.holds_code(session.user, "VERIFY_OTT")) {
        true => Ok(Some(call.actor()?)),
        false => Err(Nack::not_authorised("VERIFY_OTT")),
    }
}

impl Ack {
    fn of(user: Option<&UserName>) -> Self {
        let user_name = user.map(ToString::to_string);
        Self { details: Details { valid: user.is_some(), is_expired: user.is_none(), user_name } }
    }
}
