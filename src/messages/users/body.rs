//! Body and ack that the events on users share, with the attributes of Genesis authentication.

use protocol::{Nack, NackCode, Password, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::messages::context::MessageContext;
use crate::messages::details::nullable;
use crate::messages::record::event::{self, Ack};
use crate::messages::record::{ProfileRef, RightRef, reference};
use crate::realm::{
    ATTRIBUTES, AttributeSpec, ChangedLists, Command, Outcome, UserSpec, UserStatus,
};

macro_rules! user_body {
    ($($(#[$doc:meta])* $attribute:ident),* $(,)?) => {
        /// The wanted state of a user. In an amend, an absent field stays unchanged, null or an
        /// empty text clears an attribute, and a list that is sent replaces the stored list.
        /// Exception: if `security.absent_list_clears` is set in the configuration, an amend
        /// empties absent lists.
        #[derive(Deserialize, JsonSchema)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
        pub struct UserBody {
            /// Id of the user. Insert: ignored; the gateway assigns an id. Amend and delete: the
            /// key, alone or with USER_NAME.
            id: Option<String>,
            /// Name of the user. Insert: required. Amend and delete: the key, alone or with ID.
            user_name: Option<UserName>,
            /// Status. DISABLED: the user cannot log in and has no rights. PASSWORD_EXPIRED: the
            /// user must change the password before the next login. PASSWORD_RESET: the same, and
            /// the user has no rights until then. A new user is ENABLED by default, or
            /// PASSWORD_EXPIRED with a one-time password. A change to DISABLED or PASSWORD_RESET
            /// ends the sessions of the user; PASSWORD_RESET also removes the password.
            /// With `security.reset_mode = "blank"`, the user then sets a password with an empty
            /// OLD_PASSWORD; in the other modes, use EVENT_RESET_USER_PASSWORD instead, which
            /// gives the user a password.
            status: Option<Status>,
            /// Password of a new user. Only in an insert, without ONE_TIME_PASSWORD and
            /// GENERATE_PASSWORD.
            password: Option<Password>,
            /// Password of a new user, who must change it at the first login. Only in an insert,
            /// without PASSWORD and GENERATE_PASSWORD.
            one_time_password: Option<Password>,
            /// Whether the gateway generates a one-time password and returns it in the ACK. True
            /// only in an insert, without PASSWORD and ONE_TIME_PASSWORD.
            generate_password: Option<bool>,
            /// All rights that are given to the user directly, not by a profile.
            right: Option<Vec<RightRef>>,
            /// The same as RIGHT. Send only one of the two.
            right_codes: Option<Vec<RightRef>>,
            /// All profiles of the user.
            user_profiles: Option<Vec<ProfileRef>>,
            $(
            /// Attribute: a text of at most 256 bytes without control characters.
            $(#[$doc])*
            #[serde(default, deserialize_with = "nullable")]
            $attribute: Option<Option<Attribute>>,
            )*
            /// RECORD_VERSION that the client has read. If the user's record has changed since
            /// then, an amend or delete is refused with OPTIMISTIC_CONCURRENCY_ERROR. Insert:
            /// ignored.
            record_version: Option<u32>,
            /// ROW_REF of a data source row. Ignored.
            #[serde(rename = "ROW_REF")]
            _row_ref: Option<Value>,
            /// Column of ALL_USERS. Ignored.
            #[serde(rename = "LAST_LOGIN")]
            _last_login: Option<Value>,
            /// Column of ALL_USERS. Ignored.
            #[serde(rename = "ONLINE")]
            _online: Option<Value>,
        }

        impl UserBody {
            /// Takes the attributes, in the order of [`ATTRIBUTES`]: `None` if absent, `Some(None)`
            /// if null.
            fn attributes(&mut self) -> Vec<Option<Option<Attribute>>> {
                vec![$(self.$attribute.take()),*]
            }

            #[cfg(test)]
            fn attribute_names() -> Vec<String> {
                vec![$(stringify!($attribute).to_ascii_uppercase()),*]
            }
        }
    };
}
user_body!(
    first_name,
    last_name,
    /// A mail address, to which reset links, login links and one-time passwords are sent.
    email_address,
    company_name,
    company_id,
    user_type,
    access_type,
    address_line1,
    address_line2,
    address_line3,
    address_line4,
    city,
    region,
    postal_code,
    country,
    title,
    website,
    mobile_number,
    telephone_number_direct,
    telephone_number_office,
    counterparty_id,
);

/// STATUS of a user (Genesis authentication, "Entity management").
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Enabled,
    Disabled,
    PasswordExpired,
    PasswordReset,
}

/// The text of an attribute: at most 256 bytes without control characters.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct Attribute(String);

impl TryFrom<String> for Attribute {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_attribute(&text) {
            Ok(Self(text))
        } else {
            Err("a text of at most 256 bytes without control characters")
        }
    }
}

/// Whether a text can be an attribute: at most 256 bytes without control characters.
pub fn is_attribute(text: &str) -> bool {
    text.len() <= ATTRIBUTE_BYTES_MAX && !text.chars().any(char::is_control)
}

const ATTRIBUTE_BYTES_MAX: usize = 256;

/// The initial password of a new user.
pub enum InitialPassword {
    /// No password: the user cannot log in with a local password before a reset.
    None,
    /// A password that stays valid.
    Lasting(Password),
    /// A password that the user must change at the first login.
    OneTime(Password),
    /// A one-time password that the gateway generates.
    Generated,
}

/// The user after the event, and the changes of the user's rights and profiles.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct UserAck {
    /// Id of the user.
    id: String,
    /// Version of the user's record after the event. For a deleted user: the last version.
    record_version: u32,
    /// Codes of the direct rights that were added.
    right_added: Vec<String>,
    /// Codes of the direct rights that were removed.
    right_removed: Vec<String>,
    /// Names of the profiles that were added.
    profile_added: Vec<String>,
    /// Names of the profiles that were removed.
    profile_removed: Vec<String>,
    /// The one-time password that the gateway generated. It is sent only in this reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password: Option<String>,
    /// A security warning. EVENT_RESET_USER_PASSWORD sends it if any client can then set the user's
    /// password with an empty OLD_PASSWORD.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl UserBody {
    /// Takes the initial password of a new user. With a one-time password, sets STATUS to
    /// PASSWORD_EXPIRED.
    pub fn initial_password(&mut self) -> Result<InitialPassword, Nack> {
        let wrong = |text: &'static str| Err(Nack::new(NackCode::InvalidParameter, text));
        let is_generated = self.generate_password.take() == Some(true);
        let first = match (self.password.take(), self.one_time_password.take(), is_generated) {
            (None, None, false) => return Ok(InitialPassword::None),
            (Some(password), None, false) => InitialPassword::Lasting(password),
            (None, Some(password), false) => InitialPassword::OneTime(password),
            (None, None, true) => InitialPassword::Generated,
            _ => {
                return wrong("send only one of PASSWORD, ONE_TIME_PASSWORD and GENERATE_PASSWORD");
            }
        };
        if !matches!(first, InitialPassword::Lasting(_)) {
            if self
                .status
                .is_some_and(|it| !matches!(it, Status::Enabled | Status::PasswordExpired))
            {
                return wrong(
                    "with a one-time password STATUS must be absent, ENABLED or PASSWORD_EXPIRED",
                );
            }
            self.status = Some(Status::PasswordExpired);
        }
        Ok(first)
    }

    /// Checks what the types of the fields cannot express, and returns the wanted state.
    pub fn into_spec(mut self) -> Result<UserSpec, Nack> {
        let wrong = |text: &'static str| Err(Nack::new(NackCode::InvalidParameter, text));
        if self.right.is_some() && self.right_codes.is_some() {
            return wrong("send only one of RIGHT and RIGHT_CODES");
        }
        if self.password.is_some() || self.one_time_password.is_some() {
            return wrong(
                "PASSWORD and ONE_TIME_PASSWORD are only for new users; use \
                 EVENT_RESET_USER_PASSWORD",
            );
        }
        if self.generate_password == Some(true) {
            return wrong("GENERATE_PASSWORD is only for new users; use EVENT_RESET_USER_PASSWORD");
        }
        if self.id.is_none() && self.user_name.is_none() {
            return Err(Nack::new(NackCode::MissingField, "USER_NAME is missing in DETAILS"));
        }
        Ok(UserSpec {
            attributes: by_index(self.attributes())?,
            id: self.id,
            name: self.user_name,
            status: self.status.map(Status::in_realm),
            credential: None,
            must_change: false,
            rights: reference::into_refs(self.right.or(self.right_codes)),
            profiles: reference::into_refs(self.user_profiles),
            record_version: self.record_version,
        })
    }
}

impl Status {
    fn in_realm(self) -> UserStatus {
        match self {
            Self::Enabled => UserStatus::Enabled,
            Self::Disabled => UserStatus::Disabled,
            Self::PasswordExpired => UserStatus::PasswordExpired,
            Self::PasswordReset => UserStatus::PasswordReset,
        }
    }
}

/// Returns the attributes that were sent, with their indexes in [`ATTRIBUTES`]. An empty text
/// clears the attribute, as null does.
fn by_index(attributes: Vec<Option<Option<Attribute>>>) -> Result<Vec<AttributeSpec>, Nack> {
    let mut numbered = Vec::new();
    for (number, sent) in (0u8..).zip(attributes) {
        let Some(sent) = sent else { continue };
        let text = sent.map(|it| it.0).filter(|text| !text.is_empty());
        if ATTRIBUTES[usize::from(number)] == "EMAIL_ADDRESS"
            && text.as_deref().is_some_and(|text| !crate::mail::is_address(text))
        {
            let text = "EMAIL_ADDRESS is not a mail address";
            return Err(Nack::new(NackCode::ValidationError, text)
                .with(serde_json::json!({ "FIELD": "EMAIL_ADDRESS" })));
        }
        numbered.push((number, text.map(Into::into)));
    }
    Ok(numbered)
}

/// Submits the command and returns the ack. If VALIDATE is set, the command is only previewed.
pub async fn submit(context: &MessageContext, command: Command) -> Result<Ack<UserAck>, Nack> {
    submit_with(context, command, None, None).await
}

/// Like [`submit`], but the ack also contains the generated password or the warning.
pub async fn submit_with(
    context: &MessageContext,
    command: Command,
    one_time_password: Option<String>,
    warning: Option<String>,
) -> Result<Ack<UserAck>, Nack> {
    let done = |outcome| {
        let Outcome::User(done) = outcome else { return None };
        Some(UserAck { one_time_password, warning, ..UserAck::from(done) })
    };
    event::submit_record_event(context, command, done).await
}

/// Submits a command after which any client can set the password of the user with an empty old
/// password. The ack and the log contain a warning.
pub async fn submit_blank_reset(
    context: &MessageContext,
    command: Command,
    name: &UserName,
) -> Result<Ack<UserAck>, Nack> {
    let minutes = context.read(|realm| realm.policy().reset_ms.div_ceil(60_000));
    let warning = format!(
        "for {minutes} min any client can set the password once with an empty OLD_PASSWORD"
    );
    let done = submit_with(context, command, None, Some(warning)).await?;
    if !context.envelope.validate {
        tracing::warn!(
            user = %name,
            minutes,
            "a password was reset; for the given minutes any client can set a new one with an \
             empty OLD_PASSWORD"
        );
    }
    Ok(done)
}

impl From<ChangedLists> for UserAck {
    fn from(done: ChangedLists) -> Self {
        Self {
            id: done.id,
            record_version: done.version,
            right_added: done.rights_added,
            right_removed: done.rights_removed,
            profile_added: done.memberships_added,
            profile_removed: done.memberships_removed,
            one_time_password: None,
            warning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_names_every_attribute_in_order() {
        assert_eq!(UserBody::attribute_names(), ATTRIBUTES);
    }

    #[test]
    fn mail_addresses_have_a_mailbox_and_a_host() {
        for right in ["john.wolf@genesis.global", "a+b@x", "o'neil@mail-1.example.org"] {
            assert!(crate::mail::is_address(right), "{right} is refused");
        }
        for wrong in ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b..c", ".a@b", "a@b\nBcc: c@d"] {
            assert!(!crate::mail::is_address(wrong), "{wrong} is accepted");
        }
    }
}
