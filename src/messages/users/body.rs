//! What the events on users share: the body with S2's attributes, and the ack.

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
    ($($attribute:ident),* $(,)?) => {
        /// A user as it should look (PROTOCOL §7). A list that is present is the whole wanted
        /// state, one that is absent stays; null clears an attribute.
        #[derive(Deserialize, JsonSchema)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
        pub struct UserBody {
            id: Option<String>,
            user_name: Option<UserName>,
            status: Option<Status>,
            /// The password of a new user.
            password: Option<Password>,
            /// The password of a new user, who must change it at the first login.
            one_time_password: Option<Password>,
            /// A one-time password is drawn and told in the ack, once.
            generate_password: Option<bool>,
            right: Option<Vec<RightRef>>,
            right_codes: Option<Vec<RightRef>>,
            user_profiles: Option<Vec<ProfileRef>>,
            $(#[serde(default, deserialize_with = "nullable")]
            $attribute: Option<Option<Attribute>>,)*
            record_version: Option<u32>,
            #[serde(rename = "ROW_REF")]
            _row_ref: Option<Value>,
            #[serde(rename = "LAST_LOGIN")]
            _last_login: Option<Value>,
            #[serde(rename = "ONLINE")]
            _online: Option<Value>,
        }

        impl UserBody {
            /// What it says of each attribute, in the order of [`ATTRIBUTES`].
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

/// STATUS of a user (S2, "Entity management").
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Enabled,
    Disabled,
    PasswordExpired,
    PasswordReset,
}

/// The text of an attribute: at most 256 bytes in one line.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct Attribute(String);

impl TryFrom<String> for Attribute {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_attribute(&text) {
            Ok(Self(text))
        } else {
            Err("expected a text of at most 256 bytes without control characters")
        }
    }
}

/// Whether a text can be an attribute: at most 256 bytes in one line.
pub fn is_attribute(text: &str) -> bool {
    text.len() <= ATTRIBUTE_BYTES_MAX && !text.chars().any(char::is_control)
}

const ATTRIBUTE_BYTES_MAX: usize = 256;

/// The password that a new user begins with.
pub enum InitialPassword {
    /// None: nobody logs in before a reset.
    None,
    /// A lasting one.
    Lasting(Password),
    /// One that must be changed at the first login.
    OneTime(Password),
    /// As [`InitialPassword::OneTime`], drawn here.
    Generated,
}

/// The user, and the names that the lists gained and lost.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct UserAck {
    id: String,
    record_version: u32,
    right_added: Vec<String>,
    right_removed: Vec<String>,
    profile_added: Vec<String>,
    profile_removed: Vec<String>,
    /// Told once, to whoever asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password: Option<String>,
    /// What is open until somebody acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl UserBody {
    /// Which password a new user begins with.
    pub fn initial_password(&mut self) -> Result<InitialPassword, Nack> {
        let wrong = |text: &'static str| Err(Nack::new(NackCode::InvalidParameter, text));
        let drawn = self.generate_password.take() == Some(true);
        let first = match (self.password.take(), self.one_time_password.take(), drawn) {
            (None, None, false) => return Ok(InitialPassword::None),
            (Some(password), None, false) => InitialPassword::Lasting(password),
            (None, Some(password), false) => InitialPassword::OneTime(password),
            (None, None, true) => InitialPassword::Generated,
            _ => return wrong("PASSWORD, ONE_TIME_PASSWORD and GENERATE_PASSWORD exclude another"),
        };
        if !matches!(first, InitialPassword::Lasting(_)) {
            if self
                .status
                .is_some_and(|it| !matches!(it, Status::Enabled | Status::PasswordExpired))
            {
                return wrong("a one-time password makes STATUS PASSWORD_EXPIRED; send no other");
            }
            self.status = Some(Status::PasswordExpired);
        }
        Ok(first)
    }

    /// Checks what a struct cannot say and makes the wanted state of it.
    pub fn into_spec(mut self) -> Result<UserSpec, Nack> {
        let wrong = |text: &'static str| Err(Nack::new(NackCode::InvalidParameter, text));
        if self.right.is_some() && self.right_codes.is_some() {
            return wrong("RIGHT and RIGHT_CODES are one list");
        }
        if self.password.is_some() || self.one_time_password.is_some() {
            return wrong("passwords are set by EVENT_RESET_USER_PASSWORD once the user exists");
        }
        if self.generate_password == Some(true) {
            return wrong("GENERATE_PASSWORD is for new users");
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

/// Attributes by their numbers; an empty text clears like null does.
fn by_index(attributes: Vec<Option<Option<Attribute>>>) -> Result<Vec<AttributeSpec>, Nack> {
    let mut numbered = Vec::new();
    for (number, said) in (0u8..).zip(attributes) {
        let Some(said) = said else { continue };
        let text = said.map(|it| it.0).filter(|text| !text.is_empty());
        if ATTRIBUTES[usize::from(number)] == "EMAIL_ADDRESS"
            && text.as_deref().is_some_and(|text| !crate::mail::is_address(text))
        {
            return Err(Nack::new(NackCode::ValidationError, "EMAIL_ADDRESS is no mail address")
                .with(serde_json::json!({ "FIELD": "EMAIL_ADDRESS" })));
        }
        numbered.push((number, text.map(Into::into)));
    }
    Ok(numbered)
}

/// Commands, or with VALIDATE only plans, and answers.
pub async fn submit(context: &MessageContext, command: Command) -> Result<Ack<UserAck>, Nack> {
    submit_with(context, command, None, None).await
}

/// As [`submit`]; the ack also tells a password that was drawn, or warns.
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
            assert!(crate::mail::is_address(right), "{right}");
        }
        for wrong in ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b..c", ".a@b", "a@b\nBcc: c@d"] {
            assert!(!crate::mail::is_address(wrong), "{wrong}");
        }
    }
}
