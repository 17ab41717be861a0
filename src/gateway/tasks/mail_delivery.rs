//! Background task that sends the queued mails.
//!
//! Each send attempt generates the secret in the mail. A mail leaves the mail queue when it was
//! sent (or written to a file), when it is dropped, or when its attempts have failed for too long.
//! A mail may be delivered more than once, always with the same Message-ID.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use protocol::Password;
use tokio::task::JoinSet;

use crate::gateway::state::Gateway;
use crate::mail::{
    MailError, OutgoingMail, Template, domain, format_duration, link_with_query, notice_text,
    one_line,
};
use crate::realm::{Command, MailKind, MailSecret, MailSent, Outcome, QueuedMail, TokenHash, User};
use crate::settings::{NOTICE_TOPIC, RESET_TOPIC};

/// Maximum number of mails that are sent concurrently.
const CONCURRENT_MAX: usize = 4;
/// Maximum time between two checks of the mail queue while no mail is due.
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(5);
/// Delay before the next mails are sent if a secret or a result could not be stored.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Sends mails when they are due. Never returns.
pub async fn deliver(gateway: Arc<Gateway>) {
    loop {
        let now = gateway.clock.now();
        let (due, next, waiting) = gateway.replica.read(|realm, _| {
            let due: Vec<_> = realm.mails_due(now).take(CONCURRENT_MAX).cloned().collect();
            (due, realm.next_mail(), realm.mails_waiting())
        });
        gauge!("tollgate_mail_queue_length").set(waiting as f64);
        if due.is_empty() {
            let wait =
                next.map_or(CHECK_INTERVAL_MAX, |at| Duration::from_millis(at.saturating_sub(now)));
            let wait = wait.clamp(Duration::from_millis(1), CHECK_INTERVAL_MAX);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = gateway.mail_wakeup.notified() => {}
            }
            continue;
        }
        let mut sending = JoinSet::new();
        for mail in due {
            sending.spawn(send_one(gateway.clone(), mail));
        }
        let stored = sending.join_all().await;
        if stored.contains(&false) {
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}

/// Sends one mail and submits the result. Returns false if the secret or the result could not be
/// stored.
async fn send_one(gateway: Arc<Gateway>, mail: QueuedMail) -> bool {
    let outcome = match send(&gateway, &mail).await {
        Ok(()) => MailSent::Sent,
        Err(SendError::Obsolete(reason)) => {
            let user = user_name(&gateway, &mail);
            tracing::warn!(mail = mail.no, user, reason, "mail dropped");
            MailSent::Dropped
        }
        Err(SendError::Failed(error)) => {
            let (user, attempts) = (user_name(&gateway, &mail), mail.send_attempts + 1);
            tracing::warn!(mail = mail.no, user, attempts, %error, "mail delivery failed");
            MailSent::Failed
        }
        Err(SendError::NotStored) => return false,
    };
    let result = match outcome {
        MailSent::Sent => "sent",
        MailSent::Failed => "failed",
        MailSent::Dropped => "dropped",
    };
    counter!("tollgate_mail_deliveries_total", "result" => result).increment(1);
    gateway.replica.submit(Command::MailSent(mail.no, outcome)).await.is_ok()
}

/// Returns the name of the user who gets a mail, for the log; `None` if the user was deleted.
fn user_name(gateway: &Gateway, mail: &QueuedMail) -> Option<String> {
    gateway.replica.read(|realm, _| Some(realm.user(mail.user)?.name.to_string()))
}

/// Why a mail was not sent.
enum SendError {
    /// The mail no longer serves a purpose and is dropped.
    Obsolete(&'static str),
    /// This attempt failed. The mail is sent again later, unless its attempts have failed for too
    /// long.
    Failed(String),
    /// The generated secret could not be stored.
    NotStored,
}

impl From<MailError> for SendError {
    fn from(error: MailError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The content of a mail, and the topic that selects its transport.
struct MailText {
    topic: String,
    subject: String,
    body: String,
}

async fn send(gateway: &Gateway, mail: &QueuedMail) -> Result<(), SendError> {
    let user = gateway.replica.read(|realm, _| realm.user(mail.user).cloned());
    let user = user.ok_or(SendError::Obsolete("the user was deleted"))?;
    let to = match &mail.kind {
        MailKind::Notice(notice) => Some(&*notice.to),
        _ => user.mail_address(),
    };
    let to = to.ok_or(SendError::Obsolete("the user has no EMAIL_ADDRESS"))?;
    let MailText { topic, subject, body } = match &mail.kind {
        MailKind::Link(_) => login_link(gateway, mail, &user).await?,
        MailKind::Reset(url) => reset_link(gateway, mail, &user, url.as_deref()).await?,
        MailKind::OneTimePassword => one_time_password(gateway, mail).await?,
        MailKind::Notice(notice) => {
            let product = gateway.settings().server.product_name.clone();
            let (subject, body) = notice_text(&product, user.name.as_str(), notice);
            MailText { topic: NOTICE_TOPIC.to_owned(), subject, body }
        }
    };
    let (transport, from) = {
        let settings = gateway.settings();
        (settings.mail.transport_for(&topic), settings.mail.from.clone())
    };
    let id = format!("<{:x}.{:x}@{}>", mail.made, mail.no, domain(&from));
    let outgoing = OutgoingMail { id: &id, from: &from, to, subject: &one_line(&subject), body };
    Ok(gateway.mailer.send(&transport, outgoing).await?)
}

/// Stores the hash of the generated secret before the mail is sent, so that no mail contains a
/// secret that is not valid yet.
async fn issue_secret(
    gateway: &Gateway,
    mail: &QueuedMail,
    generated: MailSecret,
) -> Result<(), SendError> {
    match gateway.replica.submit(Command::IssueMailSecret(mail.no, generated)).await {
        Ok(Outcome::Done) => Ok(()),
        Ok(_) => Err(SendError::Obsolete(
            "the user's login or password reset that needs this mail has ended",
        )),
        Err(_) => Err(SendError::NotStored),
    }
}

/// Generates a token. Returns the token and its hash: the command log may contain only the hash.
fn generate_token() -> (String, MailSecret) {
    let token = crate::auth::refresh_token().expose().to_owned();
    let hash = TokenHash(crate::auth::hash_token(&token));
    (token, MailSecret::Token(hash))
}

async fn login_link(
    gateway: &Gateway,
    mail: &QueuedMail,
    user: &User,
) -> Result<MailText, SendError> {
    let (notify, variables) = {
        let settings = gateway.settings();
        (settings.security.mfa.notify.clone(), settings.templates.variables.clone())
    };
    let notify = notify.ok_or(SendError::Obsolete("login links are no longer configured"))?;
    let (code, generated) = generate_token();
    issue_secret(gateway, mail, generated).await?;
    let url =
        link_with_query(&notify.login_url, ("MFA_CODE", &code), ("USER_NAME", user.name.as_str()));
    let timeout = format_duration(notify.temp_code_expiry_duration.millis());
    let values = [("LOGIN_URL", &*url), ("MFA_CODE", &*code), ("TIMEOUT", &*timeout)];
    let render = |text: &str| Template::new(text).render(&variables, user, &values);
    Ok(MailText {
        subject: render(&notify.message_header).map_err(SendError::Failed)?,
        body: render(&notify.message_body).map_err(SendError::Failed)?,
        topic: notify.notify_topic,
    })
}

async fn reset_link(
    gateway: &Gateway,
    mail: &QueuedMail,
    user: &User,
    url: Option<&str>,
) -> Result<MailText, SendError> {
    let (reset, variables) = {
        let settings = gateway.settings();
        let reset = settings.security.genesis_password.self_service_reset.clone();
        (reset, settings.templates.variables.clone())
    };
    let reset = reset.ok_or(SendError::Obsolete("self-service resets are no longer configured"))?;
    let (token, generated) = generate_token();
    issue_secret(gateway, mail, generated).await?;
    let page = url.filter(|url| reset.accepts_url(url)).unwrap_or(&reset.redirect_url);
    let url = link_with_query(page, ("token", &token), ("user", user.name.as_str()));
    let timeout = format_duration(reset.timeout_ms());
    let values = [("RESET_URL", &*url), ("TIMEOUT", &*timeout)];
    let render = |text: &str| Template::new(text).render(&variables, user, &values);
    Ok(MailText {
        subject: render(&reset.reset_message.subject).map_err(SendError::Failed)?,
        body: render(&reset.reset_message.body).map_err(SendError::Failed)?,
        topic: reset.notify_topic,
    })
}

/// Returns the mail for a password reset by an administrator, with a new one-time password.
async fn one_time_password(gateway: &Gateway, mail: &QueuedMail) -> Result<MailText, SendError> {
    let generated = crate::auth::one_time_password();
    // The hash queue serves client networks in turn. This job has no client, so it is queued for
    // the loopback network.
    let own_address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let hash = gateway.passwords.hash(own_address, Password::new(generated.as_str())).await;
    let hash =
        hash.map_err(|_| SendError::Failed("the password could not be hashed in time".to_owned()))?;
    issue_secret(gateway, mail, MailSecret::Password(hash.into())).await?;
    let product = gateway.settings().server.product_name.clone();
    let minutes = gateway.replica.read(|realm, _| realm.policy().reset_ms.div_ceil(60_000));
    Ok(MailText {
        topic: RESET_TOPIC.to_owned(),
        subject: format!("Your password for {product} was reset"),
        body: format!(
            "Your password for {product} was reset by an administrator.\n\n\
             One-time password: {generated}\n\n\
             Log in with it within {minutes} minutes and choose a password of your own.\n"
        ),
    })
}
