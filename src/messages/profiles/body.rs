//! Body, submission and ack that the three profile events share.

use protocol::{Description, Nack, NackCode, ProfileName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::messages::context::MessageContext;
use crate::messages::record::event::{self, Ack};
use crate::messages::record::{RightRef, UserRef, check_new_name, reference};
use crate::realm::{ChangedLists, Command, Outcome, ProfileSpec, ProfileStatus};

/// The wanted state of a profile. In an amend, an absent field stays unchanged, and a list that is
/// sent replaces the stored list. Exception: if `security.absent_list_clears` is set in the
/// configuration, an amend empties absent lists.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ProfileBody {
    /// Id of the profile. Insert: the id to assign, which must be unused; if absent, the gateway
    /// assigns one. Amend and delete: the key of the profile.
    id: Option<String>,
    /// Name of the profile. Insert: required. Amend and delete without ID: the key. Amend with ID:
    /// the new name. Delete with ID: must be the name of the same profile.
    name: Option<ProfileName>,
    /// Description. In a new profile, empty by default.
    description: Option<Description>,
    /// Status. A new profile is ENABLED by default. A DISABLED profile gives its users no rights.
    status: Option<Status>,
    /// All rights that the profile gives.
    right: Option<Vec<RightRef>>,
    /// The same as RIGHT. Send only one of the two.
    right_codes: Option<Vec<RightRef>>,
    /// All users of the profile.
    user: Option<Vec<UserRef>>,
    /// The same as USER. Send only one of the two.
    user_names: Option<Vec<UserRef>>,
    /// RECORD_VERSION that the client has read. If the profile has changed since then, the event is
    /// refused with OPTIMISTIC_CONCURRENCY_ERROR. Not allowed in an insert.
    record_version: Option<u32>,
    /// ROW_REF of a data source row. Ignored.
    #[serde(rename = "ROW_REF")]
    _row_ref: Option<Value>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Enabled,
    Disabled,
}

/// The profile after the event, and the changes of its rights and users.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct ProfileAck {
    /// Id of the profile.
    id: String,
    /// Version of the profile after the event. For a deleted profile: the last version.
    record_version: u32,
    /// Codes of the rights that were added.
    right_added: Vec<String>,
    /// Codes of the rights that were removed.
    right_removed: Vec<String>,
    /// Names of the users that were added.
    user_added: Vec<String>,
    /// Names of the users that were removed.
    user_removed: Vec<String>,
}

impl ProfileBody {
    /// Returns the wanted state of a new profile. NAME is required.
    pub fn into_new_spec(self) -> Result<ProfileSpec, Nack> {
        let is_named = self.name.is_some();
        let spec = self.checked(is_named, true)?;
        if spec.record_version.is_some() {
            let text = "RECORD_VERSION is not allowed for a new profile";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        Ok(spec)
    }

    /// Returns the wanted state of an existing profile. The key is ID if sent, else NAME.
    pub fn into_spec(self) -> Result<ProfileSpec, Nack> {
        let is_named = self.id.is_some() || self.name.is_some();
        let sets_name = self.id.is_some();
        self.checked(is_named, sets_name)
    }

    /// Checks what the types of the fields cannot express, and returns the wanted state. `is_named`
    /// states whether the required name or key was sent, `sets_name` whether NAME is a new name.
    fn checked(self, is_named: bool, sets_name: bool) -> Result<ProfileSpec, Nack> {
        if self.right.is_some() && self.right_codes.is_some() {
            let text = "send only one of RIGHT and RIGHT_CODES";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        if self.user.is_some() && self.user_names.is_some() {
            let text = "send only one of USER and USER_NAMES";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        if !is_named {
            return Err(Nack::new(NackCode::MissingField, "NAME is missing in DETAILS"));
        }
        if sets_name && let Some(name) = &self.name {
            check_new_name("NAME", name.as_str())?;
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

/// Submits the command and returns the ack. If VALIDATE is set, the command is only previewed.
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
