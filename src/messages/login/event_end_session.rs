//! EVENT_END_SESSION: ends a session of any user, or all sessions of a user.

use protocol::{Nack, NackCode, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, SessionId, SessionNo};

/// The session to end, or the user whose sessions are to end. Send only one of the two. The tokens
/// of the sessions are revoked.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct EndSession {
    /// SESSION_ID of the session, as in the data source ACTIVE_SESSIONS.
    session_id: Option<String>,
    /// Name of the user whose sessions all end, also those that could be resumed.
    user_name: Option<UserName>,
}

impl Message for EndSession {
    const TYPE: &'static str = "EVENT_END_SESSION";
    const SUMMARY: &'static str = "Ends a session of any user, or all sessions of a user.";
    const DESCRIPTION: &'static str =
        "The connections of an ended session get SESSION_ENDED with REASON REVOKED.";
    const ACK: &'static str = "EVENT_END_SESSION_ACK";
    const NACK: &'static str = "EVENT_END_SESSION_NACK";
    const ACCESS: Access = Access::Right("LOGOUT_OTHERS");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let actor = context.actor()?;
        let command = match (self.session_id, self.user_name) {
            (Some(id), None) => Command::EndOtherSession(actor, find_session(context, &id)?),
            (None, Some(name)) => Command::EndSessionsOf(actor, name),
            _ => {
                let text = "send either SESSION_ID or USER_NAME";
                return Err(Nack::new(NackCode::InvalidParameter, text));
            }
        };
        event::submit_record_event(context, command, event::no_details).await
    }
}

fn find_session(context: &MessageContext, id: &str) -> Result<SessionNo, Nack> {
    let found =
        id.parse().ok().map(SessionId).and_then(|id| {
            context.read(|realm| realm.session_by_id(&id).map(|session| session.no))
        });
    let none = || Nack::new(NackCode::SessionNotFound, "no session has this SESSION_ID");
    found.ok_or_else(none)
}
