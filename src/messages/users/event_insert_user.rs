//! EVENT_INSERT_USER: a new user with attributes, rights, profiles and a first password (S2).

use protocol::{Nack, Password};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, Done, First};
use crate::messages::context::Call;
use crate::messages::handler::{Access, Message};
use crate::messages::passwords::rules::check;
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::Command;
/// USER_NAME is the key; the gateway gives the id.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct InsertUser(UserBody);

impl Message for InsertUser {
    const TYPE: &'static str = "EVENT_INSERT_USER";
    const ACK: &'static str = "EVENT_INSERT_USER_ACK";
    const NACK: &'static str = "EVENT_INSERT_USER_NACK";
    const ACCESS: Access = Access::Right("INSERT_USER");
    const ENTITY: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<Done>;

    async fn serve(mut self, call: &Call) -> Result<Ack<Done>, Nack> {
        let first = self.0.first()?;
        let mut wanted = self.0.wanted()?;
        if let (First::Lasting(chosen) | First::OneTime(chosen), Some(name)) =
            (&first, &wanted.name)
        {
            let settings = call.node.settings();
            check::check(&settings.security.genesis_password.validation, name, chosen)?;
        }
        let (password, told) = match first {
            First::None => (None, None),
            First::Lasting(password) | First::OneTime(password) => (Some(password), None),
            First::Drawn => {
                let drawn = crate::auth::one_time_password();
                (Some(Password::new(drawn.as_str())), Some(drawn))
            }
        };
        if let Some(password) = password.filter(|_| !call.root.validate) {
            let hash = call.node.passwords.hash(call.caller.address, password).await;
            wanted.credential = Some(hash.map_err(|busy| call.busy(busy))?.into());
        }
        body::run_telling(call, Command::InsertUser(call.by()?, wanted), told, None).await
    }
}
