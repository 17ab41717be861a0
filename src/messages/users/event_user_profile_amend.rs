//! EVENT_USER_PROFILE_AMEND: the profiles of a user, all of them, and nothing else of the record.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, Done};
use crate::messages::context::Call;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::record::{ProfileRef, reference};
use crate::realm::{Amendment, Command, UserWanted};
/// Whom, and the whole wanted list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct UserProfileAmend {
    user_name: UserName,
    user_profiles: Vec<ProfileRef>,
}

impl Message for UserProfileAmend {
    const TYPE: &'static str = "EVENT_USER_PROFILE_AMEND";
    const ACK: &'static str = "EVENT_USER_PROFILE_AMEND_ACK";
    const NACK: &'static str = "EVENT_USER_PROFILE_AMEND_NACK";
    const ACCESS: Access = Access::Right("USER_PROFILE_AMEND");
    const ENTITY: bool = true;
    type Ack = Ack<Done>;

    async fn serve(self, call: &Call) -> Result<Ack<Done>, Nack> {
        let wanted = UserWanted {
            name: Some(self.user_name),
            profiles: reference::wanted(Some(self.user_profiles)),
            ..UserWanted::default()
        };
        body::run(call, Command::AmendUser(call.by()?, Amendment::Profiles, wanted)).await
    }
}
