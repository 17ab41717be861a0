//! EVENT_SELF_SERVICE_PASSWORD_RESET: mails a password reset link to a user.
//!
//! See Genesis authentication, "selfServiceReset". The gateway sends the ack before it checks the
//! request, so that the ack reveals nothing about the user. Failures are only logged.

use protocol::{Nack, NackCode, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::gateway::{Gateway, UnsubmittedMessage};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::Generated;
use crate::platform::refusal_line;
use crate::realm::{Command, Origin, Outcome, Refusal, RequestReset};

const NOT_CONFIGURED: &str = "self-service reset is not configured";

/// The user who gets a reset link by mail. The message is acknowledged even if no mail is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct SelfServicePasswordReset {
    // Not a `UserName`, because an invalid `UserName` causes a NACK, but this message always gets
    // the same ack.
    /// Name of the user.
    user_name: String,
    /// URL of the page that the link opens, in place of the page in the configuration. Ignored
    /// unless the configuration has
    /// `security.genesis_password.self_service_reset.accept_client_url = true`; then it must be one
    /// of `return_urls` or below one of them.
    return_url: Option<String>,
}

impl Message for SelfServicePasswordReset {
    const TYPE: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET";
    const SUMMARY: &'static str = "Mails a link with which a user can set a new password.";
    const DESCRIPTION: &'static str = "The gateway acknowledges every well-formed message before \
        it looks for the user, so the ACK does not reveal whether the user exists or gets a mail.";
    const ACK: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET_ACK";
    const NACK: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET_NACK";
    const ACCESS: Access = Access::Anyone;
    type Ack = Generated;

    async fn serve(self, context: &MessageContext) -> Result<Generated, Nack> {
        let (gateway, event) = (context.gateway.clone(), context.event);
        let (address, now) = (context.client.address, context.now);
        // `None` if the client sent an invalid name.
        let user = UserName::parse(&self.user_name).ok();
        let sender = context.session.as_ref().map(|session| session.user_name.clone());
        let refuse = move |gateway: &Gateway, NotQueued(code, why): NotQueued| {
            let target = user.as_ref().map(UserName::as_str);
            let text = "the mail for a password reset was not queued";
            refusal_line!(WARN, Some(address), why, user = target, "{text}");
            let Some(code) = code else { return };
            let message = UnsubmittedMessage {
                user_name: sender,
                target: target.map(Into::into),
                ..UnsubmittedMessage::refused(event, code)
            };
            gateway.refusal_log.record(address, message);
        };
        match gateway.reset_permits.clone().try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(async move {
                    if let Err(why) = self.request_reset(&gateway, event, address, now).await {
                        refuse(&gateway, why);
                    }
                    drop(permit);
                });
            }
            Err(_) => refuse(&gateway, too_many("too many requests at once")),
        }
        Ok(Generated::default())
    }
}

/// Why no mail was queued: the code for the audit trail (`None` if the trail has a row already) and
/// the text for the log.
struct NotQueued(Option<NackCode>, &'static str);

impl SelfServicePasswordReset {
    async fn request_reset(
        self,
        gateway: &Gateway,
        event: &str,
        address: std::net::IpAddr,
        now: crate::realm::Millis,
    ) -> Result<(), NotQueued> {
        let (options, limits) = {
            let settings = gateway.settings();
            let options = settings.security.genesis_password.self_service_reset.clone();
            let options = options.ok_or(NotQueued(Some(NackCode::InvalidToken), NOT_CONFIGURED))?;
            (options, settings.server.limits.clone())
        };
        let admitted = gateway.reset_limiter.check(&limits, address, now);
        admitted.map_err(|_| too_many("too many requests from this address"))?;
        gateway.reset_limiter.record_failure(&limits, address, now);
        let invalid = |why| NotQueued(Some(NackCode::ValidationError), why);
        let user_name = UserName::parse(&self.user_name)
            .map_err(|_| invalid("USER_NAME is not a valid user name"))?;
        let url = self.return_url.filter(|_| options.accept_client_url);
        if url.as_deref().is_some_and(|url| !options.accepts_url(url)) {
            let why = "RETURN_URL is not below one of return_urls in the configuration";
            return Err(invalid(why));
        }
        let request = RequestReset { user_name, url: url.map(Into::into) };
        // A request that would queue no mail is not submitted, so it does not fill the command log.
        let planned = gateway.replica.read(|realm, _| {
            realm.plan(gateway.clock.now(), &Command::RequestReset(request.clone())).outcome
        });
        check_queued(planned)?;
        let host = address.to_string().into();
        let origin = Origin { event: event.into(), host, reason: None };
        let outcome =
            gateway.replica.submit_from(Command::RequestReset(request), Some(origin)).await;
        let why = "the request could not be stored";
        let not_stored = |_| NotQueued(Some(NackCode::Unavailable), why);
        // A command that was submitted has an audit row of its own.
        check_queued(outcome.map_err(not_stored)?).map_err(|it| NotQueued(None, it.1))?;
        gateway.mail_wakeup.notify_one();
        Ok(())
    }
}

/// Checks that the outcome is a queued mail. The error states, for the log, why no mail was queued.
fn check_queued(outcome: Outcome) -> Result<(), NotQueued> {
    let Outcome::Refused(refusal) = outcome else { return Ok(()) };
    let code = refusal.code();
    let why = match refusal {
        Refusal::UnknownAccount => "no user has this name",
        Refusal::ResetCooldown(_) => "the last request for this user is too recent",
        Refusal::NotFound(..) => "the user has no EMAIL_ADDRESS",
        Refusal::ManagedByDirectory => "a directory manages the password",
        Refusal::Disabled(_) => "the user is disabled",
        Refusal::MailQueueFull => "the mail queue is full",
        _ => NOT_CONFIGURED,
    };
    Err(NotQueued(Some(code), why))
}

fn too_many(why: &'static str) -> NotQueued {
    NotQueued(Some(NackCode::TooManyRequests), why)
}
