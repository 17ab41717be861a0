//! What the three profile events share: the body, the command made of it, and the ack.

use protocol::{Description, Nack, NackCode, ProfileName, RightCode, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::dry_run::{self, WouldChange};
use crate::realm::command::{ProfileWanted, Wanted};
use crate::realm::outcome::ProfileDone;
use crate::realm::profiles::ProfileStatus;
use crate::realm::{Command, Outcome};
use crate::refusal;

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

/// A code, or an object with ID, CODE or both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a code, or an object of ID, CODE or RIGHT_CODE")]
enum RightRef {
    Code(RightCode),
    Object(RightObject),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
struct RightObject {
    id: Option<String>,
    #[serde(alias = "RIGHT_CODE")]
    code: Option<RightCode>,
}

/// A user name, or an object with ID, USER_NAME or both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a user name, or an object of ID and USER_NAME")]
enum UserRef {
    Name(UserName),
    Object(UserObject),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
struct UserObject {
    id: Option<String>,
    user_name: Option<UserName>,
}

/// What was done, or with VALIDATE what would be.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    generated: [(); 0],
    details: Details,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Details {
    Done(Done),
    Would(WouldChange),
}

/// The profile, and the names that its lists gained and lost.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Done {
    id: String,
    record_version: u32,
    right_added: Vec<String>,
    right_removed: Vec<String>,
    user_added: Vec<String>,
    user_removed: Vec<String>,
}

impl ProfileBody {
    /// Checks what a struct cannot say and makes the wanted state of it.
    pub fn wanted(self) -> Result<ProfileWanted, Nack> {
        if self.right.is_some() && self.right_codes.is_some() {
            return Err(Nack::new(
                NackCode::InvalidParameter,
                "RIGHT and RIGHT_CODES are one list",
            ));
        }
        if self.user.is_some() && self.user_names.is_some() {
            return Err(Nack::new(NackCode::InvalidParameter, "USER and USER_NAMES are one list"));
        }
        if self.id.is_none() && self.name.is_none() {
            return Err(Nack::new(NackCode::MissingField, "NAME is missing in DETAILS"));
        }
        let rights = self.right.or(self.right_codes);
        let users = self.user.or(self.user_names);
        Ok(ProfileWanted {
            id: self.id,
            name: self.name,
            description: self.description,
            status: self.status.map(|status| match status {
                Status::Enabled => ProfileStatus::Enabled,
                Status::Disabled => ProfileStatus::Disabled,
            }),
            rights: rights.map(|list| list.into_iter().map(RightRef::wanted).collect()),
            users: users.map(|list| list.into_iter().map(UserRef::wanted).collect()),
            record_version: self.record_version,
        })
    }
}

impl RightRef {
    fn wanted(self) -> Wanted<RightCode> {
        match self {
            Self::Code(code) => Wanted { id: None, name: Some(code) },
            Self::Object(it) => Wanted { id: it.id, name: it.code },
        }
    }
}

impl UserRef {
    fn wanted(self) -> Wanted<UserName> {
        match self {
            Self::Name(name) => Wanted { id: None, name: Some(name) },
            Self::Object(it) => Wanted { id: it.id, name: it.user_name },
        }
    }
}

/// Commands, or with VALIDATE only plans, and answers.
pub async fn run(call: &Call, command: Command) -> Result<Ack, Nack> {
    let answer = |details| Ack { generated: [], details };
    if call.root.validate {
        return Ok(answer(Details::Would(dry_run::plan(call, &command)?)));
    }
    match call.submit(command).await? {
        Outcome::Profile(done) => Ok(answer(Details::Done(done.into()))),
        Outcome::Refused(refused) => Err(refusal::nack(&call.node, call.now, refused)),
        _ => Err(refusal::unexpected()),
    }
}

impl From<ProfileDone> for Done {
    fn from(done: ProfileDone) -> Self {
        Self {
            id: done.id,
            record_version: done.version,
            right_added: done.rights_added,
            right_removed: done.rights_removed,
            user_added: done.users_added,
            user_removed: done.users_removed,
        }
    }
}
