//! The section `[security.genesis_password.self_service_reset]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::templates;
use crate::mail::template;
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
    /// Whether a client may name another page in RETURN_URL: one of `return_urls`, or a page below
    /// one of them. Must be false in hardened mode.
    #[schemars(extend("x-genesis-key" = "acceptClientUrl"))]
    pub accept_client_url: bool,
    /// Pages that RETURN_URL may name with `accept_client_url`, with the pages below them: http or
    /// https, without user, query and fragment. `https://desk.example/reset` accepts
    /// `https://desk.example/reset/new?a=b`, but not `https://desk.example/reset-2`. Empty: none.
    pub return_urls: Vec<String>,
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
            return_urls: Vec::new(),
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

    /// Whether a client may name this page in RETURN_URL.
    pub fn accepts_url(&self, url: &str) -> bool {
        self.accept_client_url
            && template::is_url(url)
            && self.return_urls.iter().any(|base| is_below(url, base))
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
        for url in &self.return_urls {
            let is_plain = |url: &Url| !has_user(url) && url.query().is_none();
            if !template::is_url(url) || !Url::parse(url).is_ok_and(|url| is_plain(&url)) {
                wrong.push(format!(
                    "{}: {url:?} must be an http or https URL without user, query and fragment",
                    key("return_urls")
                ));
            }
        }
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether a URL is the page `base` or below it. Both are parsed as browsers do, so that `..` and
/// the like do not lead elsewhere; an encoded separator, which some servers decode, is refused.
fn is_below(url: &str, base: &str) -> bool {
    let (Ok(url), Ok(base)) = (Url::parse(url), Url::parse(base)) else { return false };
    let path = url.path().to_ascii_lowercase();
    let rest = url.path().strip_prefix(base.path());
    let is_below_path =
        rest.is_some_and(|it| it.is_empty() || it.starts_with('/') || base.path().ends_with('/'));
    let is_encoded = path.contains("%2f") || path.contains("%5c");
    url.origin() == base.origin() && !has_user(&url) && is_below_path && !is_encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_chooses_only_pages_below_the_return_urls() {
        let reset = SelfServiceReset {
            accept_client_url: true,
            return_urls: vec![
                "https://desk.example/reset".to_owned(),
                "http://localhost:4200/".to_owned(),
            ],
            ..SelfServiceReset::default()
        };
        for good in [
            "https://desk.example/reset",
            "https://DESK.example:443/reset/new?a=b",
            "https://desk.example/reset?a=https://evil.example",
            "http://localhost:4200/any/page",
        ] {
            assert!(reset.accepts_url(good), "{good}");
        }
        for bad in [
            "https://desk.example/reset-2",
            "https://desk.example/",
            "https://desk.example/reset/../other",
            "https://desk.example/reset/%2e%2e/other",
            "https://desk.example/reset/..%2fother",
            "https://desk.example/Reset",
            "https://desk.example.evil.example/reset",
            "https://desk.example@evil.example/reset",
            "https://user@desk.example/reset",
            "https://desk.example:8443/reset",
            "http://desk.example/reset",
            "http://localhost:42001/",
            "javascript:alert(1)",
        ] {
            assert!(!reset.accepts_url(bad), "{bad}");
        }
        let off = SelfServiceReset { accept_client_url: false, ..reset };
        assert!(!off.accepts_url("https://desk.example/reset"));
    }
}
