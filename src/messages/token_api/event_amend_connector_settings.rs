//! EVENT_AMEND_CONNECTOR_SETTINGS: other life times for new tokens; they win over the configuration
//! until they are set to null (S1, "Connectors settings").

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::routes::LifeTimes;
use crate::messages::context::MessageContext;
use crate::messages::details::nullable;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, DAY_SECS, Outcome, TokenKind};
/// In seconds; what is absent stays, null gives it back to the configuration.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct AmendConnectorSettings {
    #[serde(default, deserialize_with = "nullable")]
    access_token_life_time: Option<Option<u64>>,
    #[serde(default, deserialize_with = "nullable")]
    refresh_token_life_time: Option<Option<u64>>,
    #[serde(default, deserialize_with = "nullable")]
    one_time_token_life_time: Option<Option<u64>>,
}

/// The longest life of each kind, in seconds: a day, ten years, an hour.
const LIFETIMES_MAX_SECS: [u64; 3] = [DAY_SECS, 3_650 * DAY_SECS, 3_600];

impl Message for AmendConnectorSettings {
    const TYPE: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS";
    const ACK: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS_ACK";
    const NACK: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS_NACK";
    const ACCESS: Access = Access::Right("CONNECTOR_SETTINGS");
    const RECORD_EVENT: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<LifeTimes>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<LifeTimes>, Nack> {
        let said = [
            (TokenKind::Access, "ACCESS_TOKEN_LIFE_TIME", self.access_token_life_time),
            (TokenKind::Refresh, "REFRESH_TOKEN_LIFE_TIME", self.refresh_token_life_time),
            (TokenKind::OneTime, "ONE_TIME_TOKEN_LIFE_TIME", self.one_time_token_life_time),
        ];
        let mut wanted = Vec::new();
        for ((kind, field, secs), most) in said.into_iter().zip(LIFETIMES_MAX_SECS) {
            let Some(secs) = secs else { continue };
            if secs.is_some_and(|secs| !(1..=most).contains(&secs)) {
                let text = format!("{field} is 1 to {most} seconds");
                return Err(Nack::new(NackCode::ValidationError, text));
            }
            wanted.push((kind, secs.map(|secs| secs * 1_000)));
        }
        let lives = || context.read(|realm| realm.effective_lifetimes().into());
        let done = |outcome| matches!(outcome, Outcome::Done).then(lives);
        event::submit_record_event(
            context,
            Command::AmendTokenLifetimes(context.actor()?, wanted),
            done,
        )
        .await
    }
}
