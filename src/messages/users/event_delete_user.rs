//! EVENT_DELETE_USER: the user, his sessions and all that he was given are gone (S2).

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::Command;
/// The key is USER_NAME, ID or both; what else a row shows may come along.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeleteUser(UserBody);

impl Message for DeleteUser {
    const TYPE: &'static str = "EVENT_DELETE_USER";
    const ACK: &'static str = "EVENT_DELETE_USER_ACK";
    const NACK: &'static str = "EVENT_DELETE_USER_NACK";
    const ACCESS: Access = Access::Right("DELETE_USER");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = self.0.into_spec()?;
        body::submit(context, Command::DeleteUser(context.actor()?, spec)).await
    }
}
