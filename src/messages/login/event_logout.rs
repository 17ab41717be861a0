//! EVENT_LOGOUT: ends the session of the client, or the session with a SESSION_ID.
//!
//! See the Genesis REST API.

use protocol::{Nack, NackCode, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::realm::{Command, EndReason, Outcome, Refusal, SessionEnd, SessionId, SessionNo};

/// The session to end. Without fields, it is the session of the token or of the connection.
/// USER_NAME and SESSION_ID, here or at the root, name another session; no login is required then.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct Logout {
    /// Name of the user who has the session SESSION_ID. Default: the user of the client's
    /// own session.
    user_name: Option<UserName>,
    /// SESSION_ID of the session to end. Default: the session of the token or of the connection.
    session_id: Option<String>,
}

/// No fields.
#[derive(Serialize, JsonSchema)]
pub struct Ack {}

impl Message for Logout {
    const TYPE: &'static str = "EVENT_LOGOUT";
    const SUMMARY: &'static str =
        "Ends the session of the client, or the one named by USER_NAME and SESSION_ID.";
    const DESCRIPTION: &'static str = "The refresh token becomes invalid. Each connection of \
        the session gets SESSION_ENDED and is closed; a connection that sent EVENT_LOGOUT gets \
        LOGOUT_ACK first. Before a login, send USER_NAME and SESSION_ID to end one of the \
        sessions that MAX_ACTIVE_SESSIONS_REACHED lists.";
    const ACK: &'static str = "LOGOUT_ACK";
    const NACK: &'static str = "LOGOUT_NACK";
    const ACCESS: Access = Access::Anyone;
    const ANY_ROOT_USER: bool = true;
    const LOGGED: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let not_found =
            || Nack::new(NackCode::SessionNotFound, "no session was found; nothing was ended");
        let Some(session) = self.find_session(context)? else {
            return Err(not_found());
        };
        let end = SessionEnd { session, reason: EndReason::Logout, unless_after: None };
        match context.submit_raw(Command::End(end)).await? {
            Outcome::EndedSessions(_) => Ok(Ack {}),
            Outcome::Refused(Refusal::NoSession) => Err(not_found()),
            Outcome::Refused(refusal) => Err(context.nack(refusal)),
            _ => Err(errors::internal_error(Self::TYPE)),
        }
    }
}

impl Logout {
    fn find_session(&self, context: &MessageContext) -> Result<Option<SessionNo>, Nack> {
        let Some(id) = self.session_id.as_deref().or(context.envelope.session_id.as_deref()) else {
            return self.find_own_session(context);
        };
        let root =
            context.envelope.user_name.as_deref().and_then(|name| UserName::parse(name).ok());
        let own = || context.session.as_ref().map(|session| session.user_name.clone());
        let Some(name) = self.user_name.clone().or(root).or_else(own) else {
            return Err(Nack::new(
                NackCode::NoUserName,
                "SESSION_ID requires USER_NAME, the user of that session",
            ));
        };
        let found = id.parse().ok().map(SessionId).and_then(|id| {
            context.read(|realm| {
                let session = realm.session_by_id(&id)?;
                let user = realm.user(session.user)?;
                (user.name == name).then_some(session.no)
            })
        });
        if found.is_none() {
            // SESSION_ID ends a session without a login, so a wrong one counts as a failed login.
            context.record_failure();
        }
        Ok(found)
    }

    /// Finds the session of the token or of the connection; `None` without one. USER_NAME, if sent,
    /// must be the user of that session.
    fn find_own_session(&self, context: &MessageContext) -> Result<Option<SessionNo>, Nack> {
        let Some(session) = &context.session else { return Ok(None) };
        let named = self.user_name.as_ref().map(UserName::as_str).into_iter();
        let mut named = named.chain(context.envelope.user_name.as_deref());
        if named.all(|name| session.user_name.is(name)) {
            Ok(Some(session.session))
        } else {
            Err(Nack::new(
                NackCode::NotAuthorised,
                "to end another user's session, send USER_NAME and the SESSION_ID of that session",
            ))
        }
    }
}
