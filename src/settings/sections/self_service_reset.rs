//! `[security.genesis_password.self_service_reset]`: users ask for a new password by mail (Genesis
//! authentication, "selfServiceReset").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::templates;
use crate::realm::Millis;
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;
/// Resets that users ask for themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SelfServiceReset {
    /// Minutes for which a link is valid; decimals allowed.
    #[schemars(extend("x-genesis-key" = "timeoutInMinutes"))]
    pub timeout_in_minutes: f64,
    /// Minutes before a user may ask again; decimals allowed, 0: at once.
    #[schemars(extend("x-genesis-key" = "coolDownInMinutes"))]
    pub cool_down_in_minutes: f64,
    /// The topic of the mails.
    #[schemars(extend("x-genesis-key" = "notifyTopic"))]
    pub notify_topic: String,
    /// The page where a new password is chosen.
    #[schemars(extend("x-genesis-key" = "redirectUrl"))]
    pub redirect_url: String,
    /// Whether the client may name another page; for development only.
    #[schemars(extend("x-genesis-key" = "acceptClientUrl"))]
    pub accept_client_url: bool,
    /// The mail.
    #[schemars(extend("x-genesis-key" = "resetMessage"))]
    pub reset_message: ResetMessage,
}

/// The mail of a reset: templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResetMessage {
    /// The subject.
    #[schemars(extend("x-genesis-key" = "subject"))]
    pub subject: String,
    /// What the mail says.
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
    /// How long a link is good, in milliseconds.
    pub fn timeout_ms(&self) -> Millis {
        minutes_to_millis(self.timeout_in_minutes)
    }

    /// How long the next one has to wait, in milliseconds.
    pub fn cool_down_ms(&self) -> Millis {
        minutes_to_millis(self.cool_down_in_minutes)
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let key = |key: &str| format!("security.genesis_password.self_service_reset.{key}");
        if !(1..=minutes_to_millis(MINUTES_MAX)).contains(&self.timeout_ms()) {
            let text = format!("is a millisecond to {MINUTES_MAX} minutes");
            wrong.push(format!("{} {text}", key("timeout_in_minutes")));
        }
        wrong.range(key("cool_down_in_minutes"), self.cool_down_in_minutes, 0.0..=MINUTES_MAX);
        templates::check_url(&key("redirect_url"), &self.redirect_url, wrong);
    }
}
