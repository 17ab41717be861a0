//! EVENT_LOGIN_DETAILS: returns the login ack again, without tokens and without a new login.

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ack::LoginAck;
use super::session_view::SessionView;
use crate::messages::context::{MessageContext, no_session};
use crate::messages::handler::{Access, Message};

/// No fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginDetails {}

impl Message for LoginDetails {
    const TYPE: &'static str = "EVENT_LOGIN_DETAILS";
    const SUMMARY: &'static str =
        "Returns the login ACK again: with current values, without tokens and active code.";
    const ACK: &'static str = "EVENT_LOGIN_DETAILS_ACK";
    const NACK: &'static str = "EVENT_LOGIN_DETAILS_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = LoginAck;

    async fn serve(self, context: &MessageContext) -> Result<LoginAck, Nack> {
        let session = context.session()?;
        let view = SessionView::read(context, session.session).ok_or_else(no_session)?;
        Ok(LoginAck::new(context, view))
    }
}
