//! EVENT_DISABLE_USER: sessions and rights end at once, the record stays.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Message};
use crate::call::Call;
use crate::entity_event::Ack;
use crate::realm::command::commands::Command;
use crate::realm::command::record_payloads::{Amendment, UserWanted};
use crate::user_event::{self, Done};

/// Whom.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct DisableUser {
    user_name: UserName,
}

impl Message for DisableUser {
    const TYPE: &'static str = "EVENT_DISABLE_USER";
    const ACK: &'static str = "EVENT_DISABLE_USER_ACK";
    const NACK: &'static str = "EVENT_DISABLE_USER_NACK";
    const ACCESS: Access = Access::Right("DISABLE_USER");
    const ENTITY: bool = true;
    type Ack = Ack<Done>;

    async fn serve(self, call: &Call) -> Result<Ack<Done>, Nack> {
        let wanted = UserWanted { name: Some(self.user_name), ..UserWanted::default() };
        user_event::run(call, Command::AmendUser(call.by()?, Amendment::Disable, wanted)).await
    }
}
