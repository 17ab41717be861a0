//! EVENT_AMEND_USER: changes to a user (Genesis authentication, "Amend user").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::{Amendment, Command};

/// The wanted state of a user. The key is USER_NAME, ID or both. If both are sent, they must name
/// the same user.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AmendUser(UserBody);

impl Message for AmendUser {
    const TYPE: &'static str = "EVENT_AMEND_USER";
    const SUMMARY: &'static str =
        "Changes the record, the direct rights and the profiles of a user.";
    const ACK: &'static str = "EVENT_AMEND_USER_ACK";
    const NACK: &'static str = "EVENT_AMEND_USER_NACK";
    const ACCESS: Access = Access::Right("AMEND_USER");
    const RECORD_EVENT: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = self.0.into_spec()?;
        body::submit(context, Command::AmendUser(context.actor()?, Amendment::Record, spec)).await
    }
}
