//! EVENT_DELETE_USER: deletion of a user with their sessions, rights and memberships.
//!
//! See Genesis authentication, "Delete user".

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::Command;

/// The user to delete. The key is USER_NAME, ID or both. If both are sent, they must name the same
/// user. RECORD_VERSION is checked if sent. Other columns of an ALL_USERS row are ignored,
/// but OPERATION is refused: leave it out.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeleteUser(UserBody);

impl Message for DeleteUser {
    const TYPE: &'static str = "EVENT_DELETE_USER";
    const SUMMARY: &'static str = "Deletes a user and ends their sessions.";
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
