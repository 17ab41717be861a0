//! The section `[security.genesis_password.self_service_reset]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::templates;
use crate::realm::Millis;
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;

/// Password resets that users request themselves, by mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SelfServiceReset {
    /// Minutes for which a mailed link is valid, from one millisecond to 10080 minutes (a week);
    /// decimals are allowed.
    #[schemars(extend("x-genesis-key" = "timeoutInMinutes"))]
    pub timeout_in_minutes: f64,
    /// Minutes, 0 to 10080, for which no further mail is sent to a user after a reset request;
    /// further requests are still acknowledged. Decimals are allowed. 0: no wait.
    #[schemars(extend("x-genesis-key" = "coolDownInMinutes"))]
    pub cool_down_in_minutes: f64,
    /// Topic of the mails, for `mail.topics`.
    #[schemars(extend("x-genesis-key" = "notifyTopic"))]
    pub notify_topic: String,
    /// URL of the page on which the user chooses the new password: http or https, without a
    /// fragment. The mailed link is this URL with the query parameters `token` and `user`.
    #[schemars(extend("x-genesis-key" = "redirectUrl"))]
    pub redirect_url: String,
    /// Whether a client may name another page in RETURN_URL. For development only: any client could
    /// choose the page that receives the token. Must be false in hardened mode, unless the gateway
    /// listens on a loopback address.
    #[schemars(extend("x-genesis-key" = "acceptClientUrl"))]
    pub accept_client_url: bool,
    /// Subject and text of the mails.
    #[schemars(extend("x-genesis-key" = "resetMessage"))]
    pub reset_message: ResetMessage,
}

/// Subject and text of the mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResetMessage {
    /// Subject of the mails. A template with the variables RESET_URL (the link), TIMEOUT (its
    /// validity, such as "10 minutes"), USER (its fields are in camel case: `{{ USER.firstName }}`)
    /// and those of `templates.variables`.
    #[schemars(extend("x-genesis-key" = "subject"))]
    pub subject: String,
    /// Text of the mails. A template with the same variables as `subject`.
    #[schemars(extend("x-genesis-key" = "body"))]
    pub body: String,
}

impl Default for SelfServiceReset {
    fn default() -> Self {
        Self {
            timeout_in_minutes: 10.0,
            cool_down_in_minutes: 5.0,
            notify_topic: "PASSWORD_RESET".to_owned(),
            redirect_url: "https://localhost/login/reset-password".to_owned(),
            accept_client_url: false,
            reset_message: ResetMessage::default(),
        }
    }
}

impl Default for ResetMessage {
    fn default() -> Self {
        Self {
            subject: "Reset your password".to_owned(),
            body: "{{ USER.firstName }}, open {{ RESET_URL }} within {{ TIMEOUT }}.".to_owned(),
        }
    }
}

/// A week.
const MINUTES_MAX: f64 = 10_080.0;

impl SelfServiceReset {
    /// Returns the lifetime of a link in milliseconds.
    pub fn timeout_ms(&self) -> Millis {
        minutes_to_millis(self.timeout_in_minutes)
    }

    /// Returns the cool-down between two requests in milliseconds.
    pub fn cool_down_ms(&self) -> Millis {
        minutes_to_millis(self.cool_down_in_minutes)
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let key = |key: &str| format!("security.genesis_password.self_service_reset.{key}");
        if !(1..=minutes_to_millis(MINUTES_MAX)).contains(&self.timeout_ms()) {
            let bounds = format!("from one millisecond to {MINUTES_MAX} minutes");
            let key = key("timeout_in_minutes");
            wrong.push(format!("{key} (in minutes, decimals allowed) must be {bounds}"));
        }
        wrong.range(key("cool_down_in_minutes"), self.cool_down_in_minutes, 0.0..=MINUTES_MAX);
        templates::check_url(&key("redirect_url"), &self.redirect_url, wrong);
    }
}
