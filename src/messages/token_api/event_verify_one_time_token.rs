//! EVENT_VERIFY_ONE_TIME_TOKEN: uses up a one-time token and returns its user.
//!
//! See TraderEvolution BO API, "OTT verification".

use protocol::{Nack, NackCode, SessionToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gateway::UnsubmittedMessage;
use crate::messages::attempt::Attempt;
use crate::messages::context::{MessageContext, no_session};
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
use crate::realm::{Actor, Command, Outcome, Refusal, SpendOneTime, TokenHash};
use crate::settings::OneTimeTokenVerify;

/// A one-time token. Verification uses up a valid token.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct VerifyOneTimeToken {
    /// The token to verify.
    token: SessionToken,
}

/// The result. Used, expired and unknown tokens get the same answer.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// Whether the token was valid.
    valid: bool,
    /// Whether the token was expired, used or unknown: the opposite of VALID.
    is_expired: bool,
    /// Name of the user of the token; absent if the token was not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
}

impl Message for VerifyOneTimeToken {
    const TYPE: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN";
    const SUMMARY: &'static str = "Uses up a one-time token and returns its user.";
    const DESCRIPTION: &'static str = "With `security.one_time_token_verify_by = \
        \"open\"`, every client may send the message.";
    const ACK: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN_ACK";
    const NACK: &'static str = "EVENT_VERIFY_ONE_TIME_TOKEN_NACK";
    const ACCESS: Access = Access::RightUnlessOpen("VERIFY_OTT");
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let actor = verifier(context)?;
        // If every client may verify tokens, an invalid token counts as a failed login.
        let attempt = match &actor {
            None => Some(Attempt::begin(context, None).await?),
            Some(_) => None,
        };
        let invalid = || {
            attempt.into_iter().for_each(Attempt::fail);
            Ok(Details::from_user(None))
        };
        let token = TokenHash(crate::auth::hash_token(self.token.expose()));
        if !context.read(|realm| realm.one_time_token_is_valid(context.now, &token)) {
            record_invalid(context, &token);
            return invalid();
        }
        match context.submit_raw(Command::SpendOneTime(SpendOneTime { token, actor })).await? {
            Outcome::OneTimeTokenUsed(user) => Ok(Details::from_user(Some(&user))),
            Outcome::Refused(Refusal::InvalidOneTimeToken) => invalid(),
            Outcome::Refused(refused) => Err(context.nack(refused)),
            _ => Err(errors::internal_error(Self::TYPE)),
        }
    }
}

/// Records an invalid token in the refusal log, because no command is submitted for it. The user of
/// an expired token may still be known.
fn record_invalid(context: &MessageContext, token: &TokenHash) {
    let user = context.read(|realm| realm.one_time_token_user(token).map(|user| user.name.clone()));
    let message = UnsubmittedMessage {
        user_name: context.session.as_ref().map(|session| session.user_name.clone()),
        target: user.map(|name| name.as_str().into()),
        ..UnsubmittedMessage::refused(context.event, NackCode::InvalidToken)
    };
    context.gateway.refusal_log.record(context.client.address, message);
}

/// Returns the session that verifies the token. Refused if the user of the session lacks the right
/// VERIFY_OTT. `None` if the configuration permits every client to verify tokens.
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
