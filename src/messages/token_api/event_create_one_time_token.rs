//! EVENT_CREATE_ONE_TIME_TOKEN: a token by which another service can identify the user once.
//!
//! See TraderEvolution BO API, "OTT verification".

use protocol::{Nack, SessionToken};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::record::GeneratedDetails;
use crate::realm::{Command, Outcome, TokenHash};

/// No fields. The token is issued for the user of the session. A user can have ten valid tokens;
/// more are refused with TOO_MANY_REQUESTS.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOneTimeToken {}

/// The one-time token.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// The token. It is sent only in this reply, because the gateway stores only the hash.
    token: String,
    /// Seconds for which the token can be verified.
    life_time_secs: u64,
}

impl Message for CreateOneTimeToken {
    const TYPE: &'static str = "EVENT_CREATE_ONE_TIME_TOKEN";
    const SUMMARY: &'static str =
        "Issues a token by which another application can identify the user once.";
    const ACK: &'static str = "EVENT_CREATE_ONE_TIME_TOKEN_ACK";
    const NACK: &'static str = "EVENT_CREATE_ONE_TIME_TOKEN_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = GeneratedDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<GeneratedDetails<Details>, Nack> {
        let token: SessionToken = crate::auth::session_token();
        let hash = TokenHash(crate::auth::hash_token(token.expose()));
        let life_time_secs = context.read(|realm| realm.effective_lifetimes().one_time_ms) / 1_000;
        let command = Command::CreateOneTime(context.actor()?, hash);
        let Outcome::Done = context.submit(command).await? else {
            return Err(errors::internal_error(Self::TYPE));
        };
        let token = token.expose().to_owned();
        Ok(GeneratedDetails::new(Details { token, life_time_secs }))
    }
}
