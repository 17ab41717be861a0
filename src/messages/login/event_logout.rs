//! EVENT_LOGOUT: ends a session, one's own by its token or any by USER_NAME and SESSION_ID (S0).

use protocol::{Nack, NackCode, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::realm::{Command, EndReason, Outcome, Refusal, SessionEnd, SessionId, SessionNo};
/// Either nothing (the session of the token or the socket), or both fields, here or at the root.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct Logout {
    user_name: Option<UserName>,
    session_id: Option<String>,
}

/// Nothing more to say.
#[derive(Serialize, JsonSchema)]
pub struct Ack {}

impl Message for Logout {
    const TYPE: &'static str = "EVENT_LOGOUT";
    const ACK: &'static str = "LOGOUT_ACK";
    const NACK: &'static str = "LOGOUT_NACK";
    const ACCESS: Access = Access::Anyone;
    const LOGGED: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let not_found =
            || Nack::new(NackCode::SessionNotFound, "no such session; nothing was ended");
        let Some(session) = self.meant(context)? else {
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
    fn meant(&self, context: &MessageContext) -> Result<Option<SessionNo>, Nack> {
        let Some(id) = self.session_id.as_deref().or(context.envelope.session_id.as_deref()) else {
            return self.own(context);
        };
        context.check_failure_limit()?;
        let root =
            context.envelope.user_name.as_deref().and_then(|name| UserName::parse(name).ok());
        let own = || context.session.as_ref().map(|session| session.user_name.clone());
        let Some(name) = self.user_name.clone().or(root).or_else(own) else {
            return Err(Nack::new(NackCode::NoUserName, "SESSION_ID needs its USER_NAME"));
        };
        let found = id.parse().ok().map(SessionId).and_then(|id| {
            context.read(|realm| {
                let session = realm.session_by_id(&id)?;
                let user = realm.user(session.user)?;
                (user.name == name).then_some(session.no)
            })
        });
        if found.is_none() {
            // SESSION_ID is a capability: guessing it is as slow as guessing passwords.
            context.record_failure();
        }
        Ok(found)
    }

    /// The session of the token or the socket; a name beside it must be its user's.
    fn own(&self, context: &MessageContext) -> Result<Option<SessionNo>, Nack> {
        let Some(session) = &context.session else { return Ok(None) };
        let named = self.user_name.as_ref().map(UserName::as_str).into_iter();
        let mut named = named.chain(context.envelope.user_name.as_deref());
        if named.all(|name| session.user_name.is(name)) {
            Ok(Some(session.session))
        } else {
            Err(Nack::new(
                NackCode::NotAuthorised,
                "the session of another user is only ended by its SESSION_ID",
            ))
        }
    }
}
