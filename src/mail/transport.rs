//! Mail: one letter to one person, by SMTP or into a folder. What it says may be secret: no error
//! repeats it.

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
/// Connections to the mail server, and how long one is kept without use.
const CONNECTIONS_MAX: u32 = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that takes longer for one step is down.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// And so is one that takes longer for all of them.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// How letters leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTransport {
    /// Not at all.
    Off,
    /// Each as a file in this folder.
    File(PathBuf),
    /// By a mail server.
    Smtp(SmtpServer),
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Host name or address; with TLS, the name in its certificate.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether what is said can be read on the way.
    pub tls: SmtpTlsMode,
    /// User name and password, where it wants them.
    pub login: Option<(String, String)>,
    /// A file with the authorities to trust (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({}:{})", self.host, self.port)
    }
}

/// How a connection to a mail server is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTlsMode {
    /// Not at all.
    None,
    /// After STARTTLS; a server that does not know it is not spoken to.
    StartTls,
    /// From its first byte.
    Always,
}

/// One letter.
pub struct OutgoingMail<'a> {
    /// Its Message-ID: the same as long as it is the same letter.
    pub id: &'a str,
    /// Whom it is from.
    pub from: &'a str,
    /// Whom it is for.
    pub to: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// What it says, as plain text.
    pub body: String,
}

/// Why a letter did not leave.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "named by the text")]
pub enum MailError {
    #[error("no mail is configured")]
    Off,
    #[error("a mail address cannot be used: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("the letter cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server did not take it: {0}")]
    Server(#[from] transport::smtp::Error),
    #[error("the folder of mails cannot be written: {0}")]
    File(String),
    #[error("the mail server takes too long")]
    Timeout,
}

/// Sends letters; connections to a mail server are kept and used again.
#[derive(Default)]
pub struct Mailer {
    pool: Mutex<Option<(SmtpServer, SmtpPool)>>,
}

type SmtpPool = AsyncSmtpTransport<Tokio1Executor>;

impl Mailer {
    /// Sends a letter; when this is done, the server has taken it.
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

    /// The connections to this server; those to another one are given up.
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
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.map_err(|error| MailError::File(error.to_string()))?;
    let written = AsyncFileTransport::<Tokio1Executor>::new(folder).send(message).await;
    written.map(drop).map_err(|error| MailError::File(error.to_string()))
}

impl SmtpServer {
    fn transport(&self) -> Result<SmtpPool, MailError> {
        // "Dangerous" is what it is without the next line.
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
                let pem =
                    std::fs::read(path).map_err(|error| MailError::File(error.to_string()))?;
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
