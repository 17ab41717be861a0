//! EVENT_LOGIN_PREFS: what a login dialog must know before anybody logs in (S2, "Login
//! preferences").

use protocol::Nack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
/// No fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginPrefs {}

/// How passwords are reset, which second factors are asked for, who checks passwords.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    password_reset_type: &'static str,
    mfa: Vec<&'static str>,
    authentication: &'static str,
}

impl Message for LoginPrefs {
    const TYPE: &'static str = "EVENT_LOGIN_PREFS";
    const ACK: &'static str = "EVENT_LOGIN_PREFS_ACK";
    const NACK: &'static str = "EVENT_LOGIN_PREFS_NACK";
    const ACCESS: Access = Access::Anyone;
    const READ: bool = true;
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let settings = context.gateway.settings();
        let security = &settings.security;
        let by_mail = security.genesis_password.self_service_reset.is_some();
        let codes = security.mfa.qr_code.as_ref().map(|_| "QR_CODE");
        let links = security.mfa.notify.as_ref().map(|_| "NOTIFY");
        let details = Details {
            password_reset_type: if by_mail { "EMAIL" } else { "ADMIN" },
            mfa: codes.into_iter().chain(links).collect(),
            authentication: security.authentication.kind.wire_name(),
        };
        Ok(WithDetails { details })
    }
}
