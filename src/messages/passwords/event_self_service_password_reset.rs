//! EVENT_SELF_SERVICE_PASSWORD_RESET: a link by mail to whoever forgot his password (S2,
//! "selfServiceReset"). It is always acknowledged, before anything is looked up: what went wrong is
//! in the log only.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::mail::template;
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::Generated;
use crate::realm::{Command, Origin, Outcome, Refusal, RequestReset};
/// Whose; RETURN_URL counts only with `accept_client_url`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct SelfServicePasswordReset {
    /// Not read as a name before the answer: that, too, would tell something.
    user_name: String,
    return_url: Option<String>,
}

impl Message for SelfServicePasswordReset {
    const TYPE: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET";
    const ACK: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET_ACK";
    const NACK: &'static str = "EVENT_SELF_SERVICE_PASSWORD_RESET_NACK";
    const ACCESS: Access = Access::Anyone;
    type Ack = Generated;

    async fn serve(self, context: &MessageContext) -> Result<Generated, Nack> {
        match context.gateway.reset_permits.clone().try_acquire_owned() {
            Ok(place) => {
                let (node, address, now) =
                    (context.gateway.clone(), context.client.address, context.now);
                let event = context.event;
                tokio::spawn(async move {
                    if let Err(why) = self.request_reset(&node, event, address, now).await {
                        tracing::warn!(why, %address, "a reset was asked for, and is not mailed");
                    }
                    drop(place);
                });
            }
            Err(_) => tracing::warn!(why = "too many at once", "a reset is not mailed"),
        }
        Ok(Generated::default())
    }
}

impl SelfServicePasswordReset {
    async fn request_reset(
        self,
        gateway: &crate::gateway::Gateway,
        event: &str,
        address: std::net::IpAddr,
        now: crate::realm::Millis,
    ) -> Result<(), &'static str> {
        let (options, limits) = {
            let settings = gateway.settings();
            let options = settings.security.genesis_password.self_service_reset.clone();
            (options.ok_or("it is not configured")?, settings.server.limits.clone())
        };
        let often = gateway.reset_limiter.check(&limits, address, now);
        often.map_err(|_| "too many from this address")?;
        gateway.reset_limiter.record_failure(&limits, address, now);
        let user_name = UserName::parse(&self.user_name).map_err(|_| "this is no user name")?;
        let url = self.return_url.filter(|_| options.accept_client_url);
        if url.as_deref().is_some_and(|url| !template::is_url(url)) {
            return Err("RETURN_URL is no address of a page");
        }
        let request = RequestReset { user_name, url: url.map(Into::into) };
        // What leads to no mail writes nothing into the log of commands, whoever is meant.
        let planned = gateway.replica.read(|realm, _| {
            realm.plan(gateway.clock.now(), &Command::RequestReset(request.clone())).outcome
        });
        refused(planned)?;
        let host = address.to_string().into();
        let origin = Origin { event: event.into(), host, reason: None };
        let outcome =
            gateway.replica.submit_from(Command::RequestReset(request), Some(origin)).await;
        refused(outcome.map_err(|_| "it could not be stored")?)?;
        gateway.mail_wakeup.notify_one();
        Ok(())
    }
}

/// Why there will be no mail, for the log.
fn refused(outcome: Outcome) -> Result<(), &'static str> {
    let Outcome::Refused(refusal) = outcome else { return Ok(()) };
    Err(match refusal {
        Refusal::UnknownAccount => "no user has the name",
        Refusal::ResetCooldown(_) => "the last one was a moment ago",
        Refusal::NotFound(..) => "the user has no EMAIL_ADDRESS",
        Refusal::ManagedByDirectory => "the directory has the password",
        Refusal::Disabled(_) => "the user is disabled",
        Refusal::MailQueueFull => "too many mails wait",
        _ => "it is not configured",
    })
}
