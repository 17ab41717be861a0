//! Transport of mails: by SMTP or into a folder.
//!
//! A mail may contain secrets, so no error repeats its text.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Encryption, TlsParameters};
use lettre::{
    AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, transport,
};
use parking_lot::Mutex;

/// Maximum number of pooled connections to the mail server.
const CONNECTIONS_MAX: u32 = 4;
/// How long an unused connection to the mail server is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for connecting and for each SMTP command; if it is exceeded, sending fails.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for sending one mail.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// Transport of mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTransport {
    /// No transport: sending fails.
    Off,
    /// Each mail becomes a file in this folder.
    File(PathBuf),
    /// Mails are sent to a mail server.
    Smtp(SmtpServer),
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Host name or address; with TLS, it must match the server's certificate.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Encryption of the connection.
    pub tls: SmtpTlsMode,
    /// User name and password; `None` for no authentication.
    pub login: Option<(String, String)>,
    /// PEM file of certificate authorities to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({}:{})", self.host, self.port)
    }
}

/// Encryption of a connection to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTlsMode {
    /// Plaintext.
    None,
    /// TLS after STARTTLS; fails if the server does not support it.
    StartTls,
    /// TLS from the first byte.
    Always,
}

/// One mail.
pub struct OutgoingMail<'a> {
    /// Message-ID; the same for every send attempt of a mail.
    pub id: &'a str,
    /// Sender: an address, optionally with a display name.
    pub from: &'a str,
    /// Recipient's address.
    pub to: &'a str,
    /// Subject, one line.
    pub subject: &'a str,
    /// Plain text.
    pub body: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts describe the variants")]
pub enum MailError {
    #[error("mail is not configured; set mail.transport")]
    Off,
    #[error("invalid mail address: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("the mail cannot be built: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("sending by SMTP failed: {0}")]
    Server(#[from] transport::smtp::Error),
    #[error("cannot access {0}")]
    File(String),
    #[error("the mail was not sent in time")]
    Timeout,
}

/// The mailer, which sends mails and keeps connections to the mail server for reuse.
#[derive(Default)]
pub struct Mailer {
    pool: Mutex<Option<(SmtpServer, SmtpPool)>>,
}

type SmtpPool = AsyncSmtpTransport<Tokio1Executor>;

impl Mailer {
    /// Sends a mail; `Ok` means that the mail server accepted it or the file is written.
    pub async fn send(
        &self,
        transport: &MailTransport,
        mail: OutgoingMail<'_>,
    ) -> Result<(), MailError> {
        let message = Message::builder()
            .from(mail.from.parse()?)
            .to(mail.to.parse()?)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .message_id(Some(mail.id.to_owned()))
            .body(mail.body)?;
        let sent = async {
            match transport {
                MailTransport::Off => Err(MailError::Off),
                MailTransport::File(folder) => write_to_folder(folder, message).await,
                MailTransport::Smtp(smtp) => {
                    self.transport(smtp)?.send(message).await.map(drop).map_err(Into::into)
                }
            }
        };
        tokio::time::timeout(SEND_TIMEOUT, sent).await.unwrap_or(Err(MailError::Timeout))
    }

    /// Returns the connection pool for this server. Drops a pool for another server.
    fn transport(&self, smtp: &SmtpServer) -> Result<SmtpPool, MailError> {
        let mut pool = self.pool.lock();
        if let Some((_, transport)) = pool.as_ref().filter(|(known, _)| known == smtp) {
            return Ok(transport.clone());
        }
        let transport = smtp.transport()?;
        *pool = Some((smtp.clone(), transport.clone()));
        Ok(transport)
    }
}

async fn write_to_folder(folder: &Path, message: Message) -> Result<(), MailError> {
    let failed = |error: &dyn std::fmt::Display| {
        MailError::File(format!("mail.file.folder {}: {error}", folder.display()))
    };
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.map_err(|error| failed(&error))?;
    let written = AsyncFileTransport::<Tokio1Executor>::new(folder).send(message).await;
    written.map(drop).map_err(|error| failed(&error))
}

impl SmtpServer {
    fn transport(&self) -> Result<SmtpPool, MailError> {
        // `builder_dangerous` uses no TLS by default; the call of `tls` below sets the encryption.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host);
        let pool = PoolConfig::new().max_size(CONNECTIONS_MAX).idle_timeout(IDLE_TIMEOUT);
        let builder = builder.port(self.port).tls(self.encryption()?).timeout(Some(STEP_TIMEOUT));
        let mut builder = builder.pool_config(pool);
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }

    fn encryption(&self) -> Result<Encryption, MailError> {
        let parameters = || -> Result<TlsParameters, MailError> {
            let mut builder = TlsParameters::builder(self.host.clone());
            if let Some(path) = &self.ca_file {
                let pem = std::fs::read(path).map_err(|error| {
                    MailError::File(format!("mail.smtp.ca_file {}: {error}", path.display()))
                })?;
                builder = builder.add_root_certificate(Certificate::from_pem(&pem)?);
            }
            Ok(builder.build_rustls()?)
        };
        Ok(match self.tls {
            SmtpTlsMode::None => Encryption::None,
            SmtpTlsMode::StartTls => Encryption::Required(parameters()?),
            SmtpTlsMode::Always => Encryption::Wrapper(parameters()?),
        })
    }
}
