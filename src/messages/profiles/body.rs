//! What the three profile events share: the body, the command made of it, and the ack.

use protocol::{Description, Nack, NackCode, ProfileName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::messages::context::MessageContext;
use crate::messages::record::event::{self, Ack};
use crate::messages::record::{RightRef, UserRef, reference};
use crate::realm::{ChangedLists, Command, Outcome, ProfileSpec, ProfileStatus};
/// A profile as it should look (PROTOCOL §7). A list that is present is the whole wanted state; a
/// list that is absent stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ProfileBody {
    id: Option<String>,
    name: Option<ProfileName>,
    description: Option<Description>,
    status: Option<Status>,
    right: Option<Vec<RightRef>>,
    right_codes: Option<Vec<RightRef>>,
    user: Option<Vec<UserRef>>,
    user_names: Option<Vec<UserRef>>,
    record_version: Option<u32>,
    #[serde(rename = "ROW_REF")]
    _row_ref: Option<Value>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Enabled,
    Disabled,
}

/// The profile, and the names that its lists gained and lost.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct ProfileAck {
    id: String,
    record_version: u32,
    right_added: Vec<String>,
    right_removed: Vec<String>,
    user_added: Vec<String>,
    user_removed: Vec<String>,
}

impl ProfileBody {
    /// A new profile: NAME is its key.
    pub fn into_new_spec(self) -> Result<ProfileSpec, Nack> {
        let is_named = self.name.is_some();
        let spec = self.checked(is_named)?;
        if spec.record_version.is_some() {
            let text = "RECORD_VERSION belongs to an amend: a new profile has none yet";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        Ok(spec)
    }

    /// The wanted state of a profile: ID is its key if sent, else NAME.
    pub fn into_spec(self) -> Result<ProfileSpec, Nack> {
        let is_named = self.id.is_some() || self.name.is_some();
        self.checked(is_named)
    }

    /// Checks what a struct cannot say and makes the wanted state of it.
    fn checked(self, is_named: bool) -> Result<ProfileSpec, Nack> {
        if self.right.is_some() && self.right_codes.is_some() {
            return Err(Nack::new(
                NackCode::InvalidParameter,
                "RIGHT and RIGHT_CODES are one list",
            ));
        }
        if self.user.is_some() && self.user_names.is_some() {
            return Err(Nack::new(NackCode::InvalidParameter, "USER and USER_NAMES are one list"));
        }
        if !is_named {
            return Err(Nack::new(NackCode::MissingField, "NAME is missing in DETAILS"));
        }
        let rights = self.right.or(self.right_codes);
        let users = self.user.or(self.user_names);
        Ok(ProfileSpec {
            id: self.id,
            name: self.name,
            description: self.description,
            status: self.status.map(|status| match status {
                Status::Enabled => ProfileStatus::Enabled,
                Status::Disabled => ProfileStatus::Disabled,
            }),
            rights: reference::into_refs(rights),
            users: reference::into_refs(users),
            record_version: self.record_version,
        })
    }
}

/// Commands, or with VALIDATE only plans, and answers.
pub async fn submit(context: &MessageContext, command: Command) -> Result<Ack<ProfileAck>, Nack> {
    let done = |outcome| if let Outcome::Profile(it) = outcome { Some(it.into()) } else { None };
    event::submit_record_event(context, command, done).await
}

impl From<ChangedLists> for ProfileAck {
    fn from(done: ChangedLists) -> Self {
        Self {
            id: done.id,
            record_version: done.version,
            right_added: done.rights_added,
            right_removed: done.rights_removed,
            user_added: done.memberships_added,
            user_removed: done.memberships_removed,
        }
    }
}
