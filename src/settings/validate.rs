//! The check of all settings, including checks across sections.

use super::error::SettingsError;
use super::root::{RESET_TOPIC, Settings};
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

    /// Checks that each mail that the settings require has a transport.
    fn check_mails(&self, wrong: &mut Vec<String>) {
        let off = |topic: &str| self.mail.transport_kind(topic) == MailTransportKind::Off;
        if self.security.reset_mode == ResetMode::Email && off(RESET_TOPIC) {
            let text = "security.reset_mode = \"email\" requires mail.transport, or PASSWORD_RESET \
                        in mail.topics if set, to be smtp or file";
            wrong.push(text.to_owned());
        }
        if self.security.mfa.notify.as_ref().is_some_and(|it| off(&it.notify_topic)) {
            wrong.push(
                "security.mfa.notify requires mail.transport, or its notify_topic in mail.topics \
                 if set, to be smtp or file"
                    .to_owned(),
            );
        }
        let Some(reset) = &self.security.genesis_password.self_service_reset else { return };
        let key = "security.genesis_password.self_service_reset";
        if off(&reset.notify_topic) {
            wrong.push(format!(
                "{key} requires mail.transport, or its notify_topic in mail.topics if set, to be \
                 smtp or file"
            ));
        }
        if reset.accept_client_url && self.mode == Mode::Hardened && !self.server.is_on_loopback() {
            wrong.push(format!(
                "{key}.accept_client_url must be false with mode = \"hardened\" unless the gateway \
                 listens on loopback: any client could choose the page that receives the token"
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
