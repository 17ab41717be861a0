//! EVENT_RESET_USER_PASSWORD: takes a user's password away, with his sessions (S2, "Reset
//! password").

use std::sync::Arc;

use protocol::{Nack, NackCode, Password, UserName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::{UserAck, body};
use crate::realm::{Command, ResetPassword};
use crate::settings::ResetMode;

/// Whose.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ResetUserPassword {
    user_name: UserName,
}

impl Message for ResetUserPassword {
    const TYPE: &'static str = "EVENT_RESET_USER_PASSWORD";
    const ACK: &'static str = "EVENT_RESET_USER_PASSWORD_ACK";
    const NACK: &'static str = "EVENT_RESET_USER_PASSWORD_NACK";
    const ACCESS: Access = Access::Right("RESET_PWD");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let policy = context.read(|realm| realm.policy().clone());
        let reset = |credential: Option<Arc<str>>, mailed| -> Result<Command, Nack> {
            let reset = ResetPassword { user_name: self.user_name.clone(), credential, mailed };
            Ok(Command::ResetPassword(context.actor()?, reset))
        };
        if context.gateway.settings().security.reset_mode == ResetMode::Email {
            reachable(context, &self.user_name)?;
            // The password is drawn when its mail leaves; until then none logs in.
            let done = body::submit(context, reset(None, true)?).await?;
            context.gateway.mail_wakeup.notify_one();
            return Ok(done);
        }
        if context.envelope.validate {
            return body::submit(context, reset(None, false)?).await;
        }
        if policy.blank_reset {
            let minutes = policy.reset_ms.div_ceil(60_000);
            let warning = format!(
                "for {minutes} min whoever sends a blank OLD_PASSWORD first sets the password"
            );
            let command = reset(None, false)?;
            let done = body::submit_with(context, command, None, Some(warning)).await?;
            tracing::warn!(user = %self.user_name, minutes, "a blank password reset is open");
            return Ok(done);
        }
        let drawn = crate::auth::one_time_password();
        let password = Password::new(drawn.as_str());
        let hash = context.gateway.passwords.hash(context.client.address, password).await;
        let hash = hash.map_err(|busy| context.hash_queue_full(busy))?;
        body::submit_with(context, reset(Some(hash.into()), false)?, Some(drawn), None).await
    }
}

/// Whether a mail can reach a user. Of one who is not there the command has its own refusal.
fn reachable(context: &MessageContext, name: &UserName) -> Result<(), Nack> {
    let unreachable = context.read(|realm| {
        let user = realm.user_by_name(name);
        user.is_some_and(|user| !user.directory && user.mail_address().is_none())
    });
    if unreachable {
        let text = "the user has no EMAIL_ADDRESS to which a new password could be sent";
        return Err(
            Nack::new(NackCode::MissingField, text).with(json!({ "FIELD": "EMAIL_ADDRESS" }))
        );
    }
    Ok(())
}
