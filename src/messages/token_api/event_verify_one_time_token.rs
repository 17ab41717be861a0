//! EVENT_VERIFY_ONE_TIME_TOKEN: whose a one-time token is; it is spent by the question (S1, "OTT
//! verification").

use protocol::{Nack, SessionToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::{MessageContext, no_session};
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
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
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
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
    // The right VERIFY_OTT, unless `security.one_time_token_verify_by` is open.
    const ACCESS: Access = Access::Anyone;
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let actor = verifier(context)?;
        // Where everybody may ask, guessing tokens is as slow as guessing passwords.
        let by_anybody = actor.is_none();
        if by_anybody {
            context.check_failure_limit()?;
        }
        let over = || {
            if by_anybody {
                context.record_failure();
            }
            Ok(Details::from_user(None))
        };
        let token = TokenHash(crate::auth::hash_token(self.token.expose()));
        if !context.read(|realm| realm.one_time_token_is_valid(context.now, &token)) {
            return over();
        }
        match context.submit_raw(Command::SpendOneTime(SpendOneTime { token, actor })).await? {
            Outcome::OneTimeTokenUsed(user) => Ok(Details::from_user(Some(&user))),
            Outcome::Refused(Refusal::InvalidOneTimeToken) => over(),
            Outcome::Refused(refused) => Err(context.nack(refused)),
            _ => Err(errors::internal_error(Self::TYPE)),
        }
    }
}

/// Who verifies; none: everybody may.
fn verifier(context: &MessageContext) -> Result<Option<Actor>, Nack> {
    if context.gateway.settings().security.one_time_token_verify_by == OneTimeTokenVerify::Open {
        return Ok(None);
    }
    let session = context.session.as_ref().ok_or_else(no_session)?;
    if context.read(|realm| realm.holds_code(session.user, "VERIFY_OTT")) {
        Ok(Some(context.actor()?))
    } else {
        Err(Nack::not_authorised("VERIFY_OTT"))
    }
}

impl Details {
    fn from_user(user: Option<&UserName>) -> WithDetails<Self> {
        let user_name = user.map(ToString::to_string);
        let details = Self { valid: user.is_some(), is_expired: user.is_none(), user_name };
        WithDetails { details }
    }
}
