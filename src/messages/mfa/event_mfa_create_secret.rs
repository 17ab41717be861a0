//! EVENT_MFA_CREATE_SECRET: a new secret for codes, shown once; it counts once it is confirmed (S2,
//! "qrCode").

use protocol::{Nack, NackCode, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
use crate::messages::{errors, login};
use crate::realm::{Command, CreateSecret, Outcome};
/// For whom; nobody: oneself. REFRESH_AUTH_TOKEN: of a login that asks for it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaCreateSecret {
    user_name: Option<UserName>,
    refresh_auth_token: Option<RefreshToken>,
}

/// The secret in base32, as a link for an app, and that link as a picture (a data URI).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    secret: String,
    uri: String,
    qr_code: String,
    /// Seconds within which it must be confirmed.
    confirm_wait_period_secs: u64,
}

impl Message for MfaCreateSecret {
    const TYPE: &'static str = "EVENT_MFA_CREATE_SECRET";
    const ACK: &'static str = "EVENT_MFA_CREATE_SECRET_ACK";
    const NACK: &'static str = "EVENT_MFA_CREATE_SECRET_NACK";
    const ACCESS: Access = Access::PendingLogin;
    const LOGGED: bool = true;
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let (actor, target) = login::enrolment_actor(
            context,
            self.refresh_auth_token.as_ref(),
            self.user_name.as_ref(),
            "MFA_CREATE",
        )?;
        let options = context.gateway.settings().security.mfa.qr_code.clone();
        let (Some(options), Some(keys)) = (options, &context.gateway.keys) else {
            let text = "codes are not in use here ([security.mfa.qr_code])";
            return Err(Nack::new(NackCode::InvalidMessage, text));
        };
        let codes = options.totp_config();
        let secret = codes.generate_secret();
        let shown = codes.provisioning(&secret, target.name.as_str()).map_err(|error| {
            tracing::error!(%error, "a secret could not be shown");
            errors::internal_error(Self::TYPE)
        })?;
        let sealed = keys.encrypt(target.name.as_str(), target.no.0, &secret);
        let create = CreateSecret { actor, user_name: Some(target.name), encrypted: sealed };
        let Outcome::Done = context.submit(Command::CreateSecret(create)).await? else {
            return Err(errors::internal_error(Self::TYPE));
        };
        let details = Details {
            secret: shown.secret,
            uri: shown.uri,
            qr_code: shown.qr_code,
            confirm_wait_period_secs: options.confirm_wait_period_secs,
        };
        Ok(WithDetails { details })
    }
}
