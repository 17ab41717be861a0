//! The section `[mail]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mail::transport;
use crate::settings::secret::Secret;

/// Sending of mails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// Transport of mails: "smtp", a mail server; "file", files in a folder; "off", no mails.
    pub transport: MailTransportKind,
    /// Sender of mails: an address, or a name and an address as in `Desk <desk@desk.example>`.
    pub from: String,
    /// The mail server of the transport "smtp".
    pub smtp: SmtpSettings,
    /// The folder of the transport "file".
    pub file: MailFolderSettings,
    /// Transports by topic, such as `{ MFA = "file" }`; a topic that is not listed uses
    /// `transport`. The keys `notify_topic` set the topics. The mails of `security.reset_mode` have
    /// the topic PASSWORD_RESET, those of `security.notices` the topic NOTICE.
    pub topics: BTreeMap<String, MailTransportKind>,
}

/// Transport of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum MailTransportKind {
    Off,
    Smtp,
    File,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpSettings {
    /// Host name or IP address of the mail server; with TLS, the name in its certificate.
    pub host: String,
    /// TCP port of the mail server, above 0; usually 587 for "start_tls" and 465 for "tls".
    pub port: u16,
    /// Encryption of the connection: "none"; "start_tls", TLS after the command STARTTLS; "tls",
    /// TLS from the first byte. With "start_tls", sending fails if the server does not support
    /// STARTTLS.
    pub tls: SmtpTls,
    /// User name for the mail server, permitted only if `tls` is not "none"; empty: no
    /// authentication.
    pub user_name: String,
    /// Password of `user_name`.
    pub password: Secret,
    /// PEM file with certificate authorities to trust, in addition to those of the operating
    /// system; empty: only those of the operating system.
    pub ca_file: String,
}

/// Encryption of the connection to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum SmtpTls {
    None,
    StartTls,
    Tls,
}

/// The folder of the transport "file".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailFolderSettings {
    /// Folder in which each mail is written to a separate file; created if missing, with access
    /// only for its owner. A relative path starts at the working directory of the gateway.
    pub folder: String,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            transport: MailTransportKind::Off,
            from: "tollgate@localhost".to_owned(),
            smtp: SmtpSettings::default(),
            file: MailFolderSettings::default(),
            topics: BTreeMap::new(),
        }
    }
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 25,
            tls: SmtpTls::None,
            user_name: String::new(),
            password: Secret::default(),
            ca_file: String::new(),
        }
    }
}

impl Default for MailFolderSettings {
    fn default() -> Self {
        Self { folder: "outbox".to_owned() }
    }
}

impl MailSettings {
    /// Returns the kind of transport for mails of a topic.
    pub fn transport_kind(&self, topic: &str) -> MailTransportKind {
        self.topics.get(topic).copied().unwrap_or(self.transport)
    }

    /// Returns the transport for mails of a topic.
    pub fn transport_for(&self, topic: &str) -> transport::MailTransport {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        match self.transport_kind(topic) {
            MailTransportKind::Off => transport::MailTransport::Off,
            MailTransportKind::File => {
                transport::MailTransport::File(PathBuf::from(&self.file.folder))
            }
            MailTransportKind::Smtp => transport::MailTransport::Smtp(transport::SmtpServer {
                host: self.smtp.host.clone(),
                port: self.smtp.port,
                tls: match self.smtp.tls {
                    SmtpTls::None => transport::SmtpTlsMode::None,
                    SmtpTls::StartTls => transport::SmtpTlsMode::StartTls,
                    SmtpTls::Tls => transport::SmtpTlsMode::Always,
                },
                login: some(&self.smtp.user_name)
                    .map(|user| (user, self.smtp.password.expose().to_owned())),
                ca_file: some(&self.smtp.ca_file).map(PathBuf::from),
            }),
        }
    }

    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        if !crate::mail::is_sender(&self.from) {
            wrong.push(format!("mail.from {:?} is not a mail address", self.from));
        }
        let by_smtp =
            self.topics.values().chain([&self.transport]).any(|it| *it == MailTransportKind::Smtp);
        if by_smtp && (self.smtp.host.is_empty() || self.smtp.port == 0) {
            wrong.push("mail.smtp must have a host and a port above 0".to_owned());
        }
        if !self.smtp.user_name.is_empty() && self.smtp.tls == SmtpTls::None {
            wrong.push(
                "mail.smtp.password would be sent unencrypted; set mail.smtp.tls to start_tls or \
                 tls"
                .to_owned(),
            );
        }
    }
}
