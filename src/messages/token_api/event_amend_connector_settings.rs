//! EVENT_AMEND_CONNECTOR_SETTINGS: sets the lifetimes of new tokens.
//!
//! A lifetime overrides the configuration until it is set to null. See TraderEvolution BO API,
//! "Connectors settings".

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::routes::LifeTimes;
use crate::messages::context::MessageContext;
use crate::messages::details::nullable;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, DAY_SECS, Outcome, TokenKind};

/// Lifetimes of new tokens. An absent field keeps its value; null restores the value of the
/// configuration.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct AmendConnectorSettings {
    /// Lifetime of access tokens: 1 to 86400 seconds.
    #[serde(default, deserialize_with = "nullable")]
    access_token_life_time: Option<Option<u64>>,
    /// Lifetime of refresh tokens: 1 to 315360000 seconds, and longer than ACCESS_TOKEN_LIFE_TIME.
    #[serde(default, deserialize_with = "nullable")]
    refresh_token_life_time: Option<Option<u64>>,
    /// Lifetime of one-time tokens: 1 to 3600 seconds.
    #[serde(default, deserialize_with = "nullable")]
    one_time_token_life_time: Option<Option<u64>>,
}

/// The longest lifetimes in seconds, in the order of the fields: a day, ten years, an hour.
const LIFETIMES_MAX_SECS: [u64; 3] = [DAY_SECS, 3_650 * DAY_SECS, 3_600];

impl Message for AmendConnectorSettings {
    const TYPE: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS";
    const SUMMARY: &'static str = "Sets the lifetimes of new tokens.";
    const DESCRIPTION: &'static str = "They apply to tokens that are issued after this event. \
        The lifetimes of access and refresh tokens apply only to the token API; the lifetime of \
        one-time tokens applies to all one-time tokens.";
    const ACK: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS_ACK";
    const NACK: &'static str = "EVENT_AMEND_CONNECTOR_SETTINGS_NACK";
    const ACCESS: Access = Access::Right("CONNECTOR_SETTINGS");
    const RECORD_EVENT: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<LifeTimes>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<LifeTimes>, Nack> {
        let fields = [
            (TokenKind::Access, "ACCESS_TOKEN_LIFE_TIME", self.access_token_life_time),
            (TokenKind::Refresh, "REFRESH_TOKEN_LIFE_TIME", self.refresh_token_life_time),
            (TokenKind::OneTime, "ONE_TIME_TOKEN_LIFE_TIME", self.one_time_token_life_time),
        ];
        let mut wanted = Vec::new();
        for ((kind, field, secs), most) in fields.into_iter().zip(LIFETIMES_MAX_SECS) {
            let Some(secs) = secs else { continue };
            if secs.is_some_and(|secs| !(1..=most).contains(&secs)) {
                let text = format!("{field} must be 1 to {most} seconds, or null");
                return Err(Nack::new(NackCode::ValidationError, text));
            }
            wanted.push((kind, secs.map(|secs| secs * 1_000)));
        }
        let lifetimes = || context.read(|realm| realm.effective_lifetimes().into());
        let done = |outcome| matches!(outcome, Outcome::Done).then(lifetimes);
        event::submit_record_event(
            context,
            Command::AmendTokenLifetimes(context.actor()?, wanted),
            done,
        )
        .await
    }
}
