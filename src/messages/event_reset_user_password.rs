//! EVENT_RESET_USER_PASSWORD: takes a user's password away, with his sessions (S2, "Reset
//! password").

use std::sync::Arc;

use protocol::{Nack, NackCode, Password, UserName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Access, Message};
use crate::call::Call;
use crate::entity_event::Ack;
use crate::outside::dice;
use crate::outside::mail::{self, Letter};
use crate::realm::Command;
use crate::realm::command::ResetPassword;
use crate::realm::users::ATTRIBUTES;
use crate::settings::ResetMode;
use crate::user_event::{self, Done};

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
    const ENTITY: bool = true;
    type Ack = Ack<Done>;

    async fn serve(self, call: &Call) -> Result<Ack<Done>, Nack> {
        let policy = call.read(|realm| realm.policy().clone());
        let reset = |credential: Option<Arc<str>>| -> Result<Command, Nack> {
            let reset = ResetPassword { user_name: self.user_name.clone(), credential };
            Ok(Command::ResetPassword(call.by()?, reset))
        };
        let by_mail = call.node.settings().security.reset_mode == ResetMode::Email;
        let address = by_mail.then(|| mail_address(call, &self.user_name)).transpose()?;
        if call.root.validate {
            return user_event::run(call, reset(None)?).await;
        }
        if policy.blank_reset {
            let minutes = policy.reset_ms.div_ceil(60_000);
            let warning = format!(
                "for {minutes} min whoever sends a blank OLD_PASSWORD first sets the password"
            );
            let done = user_event::run_telling(call, reset(None)?, None, Some(warning)).await?;
            tracing::warn!(user = %self.user_name, minutes, "a blank password reset is open");
            return Ok(done);
        }
        let drawn = dice::one_time_password();
        let password = Password::new(drawn.as_str());
        let hash = call.node.passwords.hash(call.caller.address, password).await;
        let hash = hash.map_err(|busy| call.busy(busy))?;
        let command = reset(Some(hash.into()))?;
        let Some(address) = address else {
            return user_event::run_telling(call, command, Some(drawn), None).await;
        };
        // The password holds before it leaves: a mail never says what is not so.
        let done = user_event::run(call, command).await?;
        send(call, &address, &drawn, policy.reset_ms.div_ceil(60_000)).await?;
        Ok(done)
    }
}

/// Where a user is reached. Of a user who is not there the command has its own refusal.
fn mail_address(call: &Call, name: &UserName) -> Result<String, Nack> {
    let number = ATTRIBUTES.iter().position(|it| *it == "EMAIL_ADDRESS").unwrap_or_default();
    let known = call.read(|realm| {
        let user = realm.user_by_name(name)?;
        Some(user.attribute(number as u8).map(str::to_owned))
    });
    match known {
        Some(None) => {
            let text = "the user has no EMAIL_ADDRESS to which a new password could be sent";
            Err(Nack::new(NackCode::MissingField, text).with(json!({ "FIELD": "EMAIL_ADDRESS" })))
        }
        known => Ok(known.flatten().unwrap_or_default()),
    }
}

/// Sends the one-time password; the ACK says that the mail server took it.
async fn send(call: &Call, address: &str, password: &str, minutes: u64) -> Result<(), Nack> {
    let (post, from, product) = {
        let settings = call.node.settings();
        let product = settings.server.product_name.clone();
        (settings.mail.post(), settings.mail.from.clone(), product)
    };
    let subject = format!("Your password for {product} was reset");
    let body = format!(
        "Your password for {product} was reset by an administrator.\n\n\
         One-time password: {password}\n\n\
         Log in with it within {minutes} minutes and choose a password of your own.\n"
    );
    let letter = Letter { from: &from, to: address, subject: &subject, body };
    mail::send(&post, letter).await.map_err(|error| {
        tracing::warn!(%error, "the mail of a password reset did not leave");
        let text = "the password was reset, but its mail could not be sent; reset it again later";
        Nack::new(NackCode::Unavailable, text)
    })
}
