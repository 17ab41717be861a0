//! EVENT_INSERT_USER: creation of a user (Genesis authentication, "Insert user").

use protocol::{Nack, Password};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, InitialPassword, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::passwords::rules::check;
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::Command;

/// The new user. Only USER_NAME is required.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct InsertUser(UserBody);

impl Message for InsertUser {
    const TYPE: &'static str = "EVENT_INSERT_USER";
    const SUMMARY: &'static str = "Creates a user, with their rights and profiles.";
    const DESCRIPTION: &'static str = "Without PASSWORD, ONE_TIME_PASSWORD and GENERATE_PASSWORD, \
        the gateway stores no password. The directory checks the password of such a user if \
        `security.authentication.type` is LDAP and `internal_users` does not list the user. \
        Otherwise, such a user cannot log in by password before a password reset.";
    const ACK: &'static str = "EVENT_INSERT_USER_ACK";
    const NACK: &'static str = "EVENT_INSERT_USER_NACK";
    const ACCESS: Access = Access::Right("INSERT_USER");
    const RECORD_EVENT: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(mut self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let first = self.0.initial_password()?;
        let mut spec = self.0.into_spec()?;
        if let (InitialPassword::Lasting(chosen) | InitialPassword::OneTime(chosen), Some(name)) =
            (&first, &spec.name)
        {
            let settings = context.gateway.settings();
            check::check(&settings.security.genesis_password.validation, name, chosen)?;
        }
        let is_one_time = matches!(first, InitialPassword::OneTime(_) | InitialPassword::Generated);
        let (password, generated) = match first {
            InitialPassword::None => (None, None),
            InitialPassword::Lasting(password) | InitialPassword::OneTime(password) => {
                (Some(password), None)
            }
            InitialPassword::Generated => {
                let generated = crate::auth::one_time_password();
                (Some(Password::new(generated.as_str())), Some(generated))
            }
        };
        if let Some(password) = password.filter(|_| !context.envelope.validate) {
            let hash = context.gateway.passwords.hash(context.client.address, password).await;
            spec.credential = Some(hash.map_err(|error| context.hash_unavailable(error))?.into());
        }
        spec.must_change = is_one_time;
        let command = Command::InsertUser(context.actor()?, spec);
        body::submit_with(context, command, generated, None).await
    }
}
