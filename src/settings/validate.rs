//! The check of all settings, including checks across sections.

use super::error::SettingsError;
use super::root::{NOTICE_TOPIC, RESET_TOPIC, Settings};
use super::sections::{MailTransportKind, Mode, ResetMode};
use crate::mail::{Template, template};
use crate::settings::sections::services;

impl Settings {
    /// Checks all settings. The error lists all values that are out of range or contradict others.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let mut wrong = Vec::new();
        self.server.check(&mut wrong);
        self.heartbeat.check(&mut wrong);
        services::check(&self.services, &mut wrong);
        self.service_list.check(&mut wrong);
        self.store.check(&mut wrong);
        self.security.check(&mut wrong);
        self.mail.check(&mut wrong);
        crate::settings::validate::check(self, &mut wrong);
        self.check_mails(&mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(SettingsError::Invalid(wrong)) }
    }

    /// Checks that each mail that the settings require has a transport. Also checks that clients
    /// cannot choose the page of a mailed link in hardened mode.
    fn check_mails(&self, wrong: &mut Vec<String>) {
        let mut require_transport = |key: &str, topic: &str| {
            if self.mail.transport_kind(topic) == MailTransportKind::Off {
                wrong.push(format!(
                    "{key} sends mails of the topic {topic}, whose transport is \"off\"; set \
                     mail.transport, or {topic} in mail.topics, to \"smtp\" or \"file\""
                ));
            }
        };
        if self.security.reset_mode == ResetMode::Email {
            require_transport("security.reset_mode = \"email\"", RESET_TOPIC);
        }
        if let Some(notify) = &self.security.mfa.notify {
            require_transport("security.mfa.notify", &notify.notify_topic);
        }
        if self.security.notices.is_some() {
            require_transport("security.notices", NOTICE_TOPIC);
        }
        let Some(reset) = &self.security.genesis_password.self_service_reset else { return };
        let key = "security.genesis_password.self_service_reset";
        require_transport(key, &reset.notify_topic);
        if reset.accept_client_url && self.mode == Mode::Hardened {
            wrong.push(format!(
                "{key}.accept_client_url must be false with mode = \"hardened\": a client could \
                 choose the page that receives the token"
            ));
        }
    }
}

/// Checks that mail templates have a valid syntax and use only existing variables.
pub(in crate::settings) fn check(settings: &Settings, wrong: &mut Vec<String>) {
    let mut check = |key: &str, text: &str, values: &[&str]| {
        if let Err(why) = Template::new(text).check(&settings.templates.variables, values) {
            wrong.push(format!("{key} is not a valid template: {why}"));
        }
    };
    if let Some(reset) = &settings.security.genesis_password.self_service_reset {
        let key = "security.genesis_password.self_service_reset.reset_message";
        check(&format!("{key}.subject"), &reset.reset_message.subject, template::RESET_VARIABLES);
        check(&format!("{key}.body"), &reset.reset_message.body, template::RESET_VARIABLES);
    }
    if let Some(notify) = &settings.security.mfa.notify {
        check(
            "security.mfa.notify.message_header",
            &notify.message_header,
            template::LOGIN_LINK_VARIABLES,
        );
        check(
            "security.mfa.notify.message_body",
            &notify.message_body,
            template::LOGIN_LINK_VARIABLES,
        );
    }
}
