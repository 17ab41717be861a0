//! EVENT_END_SESSION: ends a session of any user by its SESSION_ID.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, SessionId};

/// The session to end. The tokens of the session are revoked.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct EndSession {
    /// SESSION_ID of the session, as in the data source ACTIVE_SESSIONS.
    session_id: String,
}

impl Message for EndSession {
    const TYPE: &'static str = "EVENT_END_SESSION";
    const SUMMARY: &'static str = "Ends a session of any user.";
    const DESCRIPTION: &'static str =
        "The connections of the session get SESSION_ENDED with REASON REVOKED.";
    const ACK: &'static str = "EVENT_END_SESSION_ACK";
    const NACK: &'static str = "EVENT_END_SESSION_NACK";
    const ACCESS: Access = Access::Right("LOGOUT_OTHERS");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let found = self.session_id.parse().ok().map(SessionId).and_then(|id| {
            context.read(|realm| realm.session_by_id(&id).map(|session| session.no))
        });
        let none = || Nack::new(NackCode::SessionNotFound, "no session has this SESSION_ID");
        let command = Command::EndOtherSession(context.actor()?, found.ok_or_else(none)?);
        event::submit_record_event(context, command, event::no_details).await
    }
}
