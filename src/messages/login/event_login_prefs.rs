//! EVENT_LOGIN_PREFS: settings that a login dialog needs before the login.
//!
//! See Genesis authentication, "Login preferences".

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

/// Settings for a login dialog.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// EMAIL: users can request a reset link by EVENT_SELF_SERVICE_PASSWORD_RESET. ADMIN: only an
    /// administrator can reset passwords.
    password_reset_type: &'static str,
    /// Second factors that the configuration enables: QR_CODE (codes of an authenticator app),
    /// NOTIFY (mailed links). Empty if none is enabled.
    mfa: Vec<&'static str>,
    /// What checks passwords: INTERNAL (the gateway), LDAP (a directory) or HYBRID (first the
    /// gateway, then a directory; both must accept the password). The passwords of the users in
    /// `security.authentication.internal_users` are checked only by the gateway.
    authentication: &'static str,
}

impl Message for LoginPrefs {
    const TYPE: &'static str = "EVENT_LOGIN_PREFS";
    const SUMMARY: &'static str =
        "Returns the settings that a login dialog needs before the login.";
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
