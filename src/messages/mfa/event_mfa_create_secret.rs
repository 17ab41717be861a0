//! EVENT_MFA_CREATE_SECRET: creation of an unconfirmed secret for an authenticator app.
//!
//! See Genesis authentication, "qrCode".

use protocol::{Nack, NackCode, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
use crate::messages::{errors, login};
use crate::realm::{Command, CreateSecret, Outcome};

/// The user who gets a new secret. An earlier secret stays active until EVENT_MFA_CONFIRM_SECRET
/// confirms the new one.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaCreateSecret {
    /// Name of the user. Default: the user of the session, or of the pending login. For another
    /// user, the right MFA_CREATE is required.
    user_name: Option<UserName>,
    /// REFRESH_AUTH_TOKEN of an MFA_FAILED NACK with REASON ENROL. With this token, no session is
    /// required.
    refresh_auth_token: Option<RefreshToken>,
}

/// The new secret. It is sent only in this reply.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// The secret in base32.
    secret: String,
    /// The secret as an `otpauth://` URI for an authenticator app.
    uri: String,
    /// The value of URI as a QR code: a PNG picture, encoded as a data URI.
    qr_code: String,
    /// Seconds within which the secret must be confirmed.
    confirm_wait_period_secs: u64,
}

impl Message for MfaCreateSecret {
    const TYPE: &'static str = "EVENT_MFA_CREATE_SECRET";
    const SUMMARY: &'static str =
        "Creates a secret for an authenticator app; EVENT_MFA_CONFIRM_SECRET activates it.";
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
            let text = "authenticator apps are not enabled; the configuration lacks \
                        [security.mfa.qr_code]";
            return Err(Nack::new(NackCode::InvalidMessage, text));
        };
        let codes = options.totp_config();
        let secret = codes.generate_secret();
        let shown = codes.provisioning(&secret, target.name.as_str()).map_err(|error| {
            tracing::error!(%error, "creating the QR code of a new secret failed");
            errors::internal_error(Self::TYPE)
        })?;
        let encrypted = keys.encrypt(target.name.as_str(), target.no.0, &secret);
        let create = CreateSecret { actor, user_name: Some(target.name), encrypted };
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
