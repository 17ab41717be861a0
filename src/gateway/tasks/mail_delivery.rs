//! The post office: takes what waits in the outbox, draws what is secret in it, and sends it. A
//! mail is gone from the outbox once the server took it: at least once, and always as the same
//! letter.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use protocol::Password;
use tokio::task::JoinSet;

use crate::gateway::state::Node;
use crate::mail::{Letter, MailError, Template, domain, link, one_line, spoken};
use crate::realm::{Command, Drawn, Mail, MailKind, Outcome, Posted, TokenHash, User};
use crate::settings::RESET_TOPIC;
/// Mails that are sent at once.
const AT_ONCE: usize = 4;
/// The outbox is looked at this often at least.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// What the store could not take is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends what waits, for ever.
pub async fn deliver(node: Arc<Node>) {
    loop {
        let now = node.clock.now();
        let (due, next, waiting) = node.replica.read(|realm, _| {
            let due: Vec<_> = realm.mails_due(now).take(AT_ONCE).cloned().collect();
            (due, realm.next_mail(), realm.mails_waiting())
        });
        gauge!("tollgate_mails_waiting").set(waiting as f64);
        if due.is_empty() {
            let wait = next.map_or(LOOK_MAX, |at| Duration::from_millis(at.saturating_sub(now)));
            let wait = wait.clamp(Duration::from_millis(1), LOOK_MAX);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = node.mail.notified() => {}
            }
            continue;
        }
        let mut sending = JoinSet::new();
        for mail in due {
            sending.spawn(post(node.clone(), mail));
        }
        let stored = sending.join_all().await;
        if stored.contains(&false) {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Sends one mail and writes down what became of it; whether that could be written.
async fn post(node: Arc<Node>, mail: Mail) -> bool {
    let posted = match send(&node, &mail).await {
        Ok(()) => Posted::Sent,
        Err(Unsent::Obsolete(why)) => {
            tracing::warn!(mail = mail.no, why, "a mail is not sent any more");
            Posted::Dropped
        }
        Err(Unsent::Failed(error)) => {
            tracing::warn!(mail = mail.no, tries = mail.tries + 1, %error, "a mail did not leave");
            Posted::Failed
        }
        Err(Unsent::NotStored) => return false,
    };
    let result = match posted {
        Posted::Sent => "sent",
        Posted::Failed => "failed",
        Posted::Dropped => "dropped",
    };
    counter!("tollgate_mails_total", "result" => result).increment(1);
    node.replica.submit(Command::Posted(mail.no, posted)).await.is_ok()
}

/// Why a mail was not sent.
enum Unsent {
    /// It would say nothing that is still so.
    Obsolete(&'static str),
    /// This time.
    Failed(String),
    /// What it would say could not be stored.
    NotStored,
}

impl From<MailError> for Unsent {
    fn from(error: MailError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What a mail says.
struct Words {
    topic: String,
    subject: String,
    body: String,
}

async fn send(node: &Node, mail: &Mail) -> Result<(), Unsent> {
    let user = node.replica.read(|realm, _| realm.user(mail.user).cloned());
    let user = user.ok_or(Unsent::Obsolete("the user is gone"))?;
    let to = user.mail_address().ok_or(Unsent::Obsolete("the user has no EMAIL_ADDRESS"))?;
    let Words { topic, subject, body } = match &mail.kind {
        MailKind::Link(_) => login_link(node, mail, &user).await?,
        MailKind::Reset(url) => reset_link(node, mail, &user, url.as_deref()).await?,
        MailKind::OneTimePassword => one_time_password(node, mail).await?,
    };
    let (post, from) = {
        let settings = node.settings();
        (settings.mail.post(&topic), settings.mail.from.clone())
    };
    let id = format!("<{:x}.{:x}@{}>", mail.made, mail.no, domain(&from));
    let letter = Letter { id: &id, from: &from, to, subject: &one_line(&subject), body };
    Ok(node.mailer.send(&post, letter).await?)
}

/// What was drawn holds before it leaves: a mail never says what is not so.
async fn draw(node: &Node, mail: &Mail, drawn: Drawn) -> Result<(), Unsent> {
    match node.replica.submit(Command::Draw(mail.no, drawn)).await {
        Ok(Outcome::Done) => Ok(()),
        Ok(_) => Err(Unsent::Obsolete("what it is about is over")),
        Err(_) => Err(Unsent::NotStored),
    }
}

/// A token, and what the log may know of it.
fn token() -> (String, Drawn) {
    let token = crate::auth::refresh_token().expose().to_owned();
    let hash = TokenHash(crate::auth::token_hash(&token));
    (token, Drawn::Token(hash))
}

async fn login_link(node: &Node, mail: &Mail, user: &User) -> Result<Words, Unsent> {
    let (notify, variables) = {
        let settings = node.settings();
        (settings.security.mfa.notify.clone(), settings.templates.variables.clone())
    };
    let notify = notify.ok_or(Unsent::Obsolete("links are no longer in use"))?;
    let (code, drawn) = token();
    draw(node, mail, drawn).await?;
    let url = link(&notify.login_url, ("MFA_CODE", &code), ("USER_NAME", user.name.as_str()));
    let timeout = spoken(notify.temp_code_expiry_duration.millis());
    let values = [("LOGIN_URL", &*url), ("MFA_CODE", &*code), ("TIMEOUT", &*timeout)];
    let fill = |text: &str| Template::of(text).fill(&variables, user, &values);
    Ok(Words {
        subject: fill(&notify.message_header).map_err(Unsent::Failed)?,
        body: fill(&notify.message_body).map_err(Unsent::Failed)?,
        topic: notify.notify_topic,
    })
}

async fn reset_link(
    node: &Node,
    mail: &Mail,
    user: &User,
    url: Option<&str>,
) -> Result<Words, Unsent> {
    let (reset, variables) = {
        let settings = node.settings();
        let reset = settings.security.genesis_password.self_service_reset.clone();
        (reset, settings.templates.variables.clone())
    };
    let reset = reset.ok_or(Unsent::Obsolete("resets are no longer in use"))?;
    let (token, drawn) = token();
    draw(node, mail, drawn).await?;
    let page = url.filter(|_| reset.accept_client_url).unwrap_or(&reset.redirect_url);
    let url = link(page, ("token", &token), ("user", user.name.as_str()));
    let timeout = spoken(reset.timeout_ms());
    let values = [("RESET_URL", &*url), ("TIMEOUT", &*timeout)];
    let fill = |text: &str| Template::of(text).fill(&variables, user, &values);
    Ok(Words {
        subject: fill(&reset.reset_message.subject).map_err(Unsent::Failed)?,
        body: fill(&reset.reset_message.body).map_err(Unsent::Failed)?,
        topic: reset.notify_topic,
    })
}

/// The password that an administrator's reset leaves.
async fn one_time_password(node: &Node, mail: &Mail) -> Result<Words, Unsent> {
    let drawn = crate::auth::one_time_password();
    let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let hash = node.passwords.hash(own, Password::new(drawn.as_str())).await;
    let hash = hash.map_err(|_| Unsent::Failed("too many logins at once".to_owned()))?;
    draw(node, mail, Drawn::Password(hash.into())).await?;
    let product = node.settings().server.product_name.clone();
    let minutes = node.replica.read(|realm, _| realm.policy().reset_ms.div_ceil(60_000));
    Ok(Words {
        topic: RESET_TOPIC.to_owned(),
        subject: format!("Your password for {product} was reset"),
        body: format!(
            "Your password for {product} was reset by an administrator.\n\n\
             One-time password: {drawn}\n\n\
             Log in with it within {minutes} minutes and choose a password of your own.\n"
        ),
    })
}
