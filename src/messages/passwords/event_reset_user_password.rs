//! EVENT_RESET_USER_PASSWORD: removes or replaces a user's password and ends their sessions.
//!
//! See Genesis authentication, "Reset password".

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

/// The user whose password is reset. Within `security.reset_window_mins` minutes, the user must set
/// a new password by EVENT_CHANGE_USER_PASSWORD. OLD_PASSWORD of that message depends on
/// `security.reset_mode` in the configuration. `blank`: empty; the ACK has a WARNING.
/// `one_time_password`: ONE_TIME_PASSWORD of the ACK. `email`: a one-time password that is mailed
/// to the user; a user without EMAIL_ADDRESS is refused with MISSING_FIELD.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ResetUserPassword {
    /// Name of the user.
    user_name: UserName,
}

impl Message for ResetUserPassword {
    const TYPE: &'static str = "EVENT_RESET_USER_PASSWORD";
    const SUMMARY: &'static str =
        "Removes or replaces the password of a user and ends their sessions.";
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
            check_reachable(context, &self.user_name)?;
            // The one-time password is generated when the mail is sent. Until then the user cannot
            // log in.
            let done = body::submit(context, reset(None, true)?).await?;
            context.gateway.mail_wakeup.notify_one();
            return Ok(done);
        }
        if context.envelope.validate {
            return body::submit(context, reset(None, false)?).await;
        }
        if policy.blank_reset {
            let command = reset(None, false)?;
            return body::submit_blank_reset(context, command, &self.user_name).await;
        }
        let generated = crate::auth::one_time_password();
        let password = Password::new(generated.as_str());
        let hash = context.gateway.passwords.hash(context.client.address, password).await;
        let hash = hash.map_err(|error| context.hash_unavailable(error))?;
        body::submit_with(context, reset(Some(hash.into()), false)?, Some(generated), None).await
    }
}

/// Refuses a user without a mail address. Unknown users and users of a directory are not refused
/// here, because the command refuses them.
fn check_reachable(context: &MessageContext, name: &UserName) -> Result<(), Nack> {
    let unreachable = context.read(|realm| {
        let user = realm.user_by_name(name);
        user.is_some_and(|user| !user.directory && user.mail_address().is_none())
    });
    if unreachable {
        let text = "the user has no EMAIL_ADDRESS for the new password; set EMAIL_ADDRESS first";
        return Err(
            Nack::new(NackCode::MissingField, text).with(json!({ "FIELD": "EMAIL_ADDRESS" }))
        );
    }
    Ok(())
}
