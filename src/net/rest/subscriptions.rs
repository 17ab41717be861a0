//! Data sources over REST: POST logs on, GET polls, PUT asks for more rows, DELETE logs off
//! (PROTOCOL §1, §6).

use hyper::Method;
use protocol::{Nack, NackCode};

use super::exchange::serve;
use super::request::RestRequest;
use crate::gateway::RestSubscription;
use crate::messages::{AfterReply, ClientInfo, no_session};
use crate::router::{Reply, Router};
use crate::subscriptions::Outbox;
/// Serves one request on a data source; an error never became a message.
pub(super) async fn respond(
    method: &Method,
    source: &str,
    rest_request: &RestRequest,
    client: ClientInfo,
    router: &Router,
) -> Result<Reply, Nack> {
    let name = subscription_name(method, rest_request)?;
    let gateway = router.gateway();
    let now = gateway.clock.now();
    let message = message_type(method);
    let token = rest_request.session_auth_token.as_deref();
    let session = token.ok_or_else(no_session).and_then(|it| router.session(&client, it, now));
    let session = match session {
        Ok(session) => session,
        Err(nack) => return Ok(nack_reply(message, &name, &nack)),
    };
    let with = |rest_subscription: &RestSubscription| {
        let (outbox, bound) = (Some(rest_subscription.outbox.clone()), Some(session.clone()));
        ClientInfo { outbox, session: bound, ..client.clone() }
    };
    if *method == Method::POST {
        let bytes_max = gateway.settings().server.limits.outbox_bytes;
        let rest_subscription = gateway.rest_subscriptions.open(&session, &name, bytes_max, now);
        let mut rest_request = rest_request.clone();
        rest_request.set_detail("DATASOURCE_NAME", source.to_owned())?;
        let reply = serve(router, with(&rest_subscription), rest_request.to_frame(message)?).await;
        gateway.rest_subscriptions.remove_if_empty(session.session, &name);
        return Ok(first_rows(reply, &rest_subscription, router));
    }
    let Some(rest_subscription) = gateway.rest_subscriptions.poll(session.session, &name, now)
    else {
        let text = "no subscription has this SOURCE_REF; POST opens one";
        return Ok(nack_reply(message, &name, &Nack::new(NackCode::InvalidDatasource, text)));
    };
    if *method == Method::GET {
        if rest_request.user_name.as_ref().is_some_and(|name| !session.user_name.is(name)) {
            let text = "USER_NAME is not the user of this session";
            return Ok(nack_reply(message, &name, &Nack::new(NackCode::NotAuthorised, text)));
        }
        return Ok(rows(&rest_subscription.outbox, Reply::default()));
    }
    let reply =
        serve(router, with(&rest_subscription), rest_request.as_message(message, &name)).await;
    gateway.rest_subscriptions.remove_if_empty(session.session, &name);
    match reply.after_reply {
        AfterReply::NoReply => Ok(rows(&rest_subscription.outbox, reply)),
        _ => Ok(reply),
    }
}

/// What a method says on a socket; a poll is nothing that is said there.
fn message_type(method: &Method) -> &'static str {
    match *method {
        Method::PUT => "MORE_ROWS",
        Method::DELETE => "DATA_LOGOFF",
        _ => "DATA_LOGON",
    }
}

/// The name of the subscription that is meant, as JSON text.
fn subscription_name(method: &Method, rest_request: &RestRequest) -> Result<String, Nack> {
    let name = if *method == Method::PUT { rest_request.subscription() } else { None };
    name.or_else(|| rest_request.source_ref().map(str::to_owned)).ok_or_else(|| {
        let text = "SOURCE_REF is missing: it names the subscription";
        Nack::new(NackCode::NoSourceRef, text)
    })
}

/// The first rows instead of the LOGON_ACK: whoever polls wants one answer.
fn first_rows(reply: Reply, rest_subscription: &RestSubscription, router: &Router) -> Reply {
    let AfterReply::ReleaseSubscription(subscription, session) = &reply.after_reply else {
        return reply;
    };
    if !session.has_ended() {
        router.gateway().replica.subscriptions.release(&rest_subscription.outbox, *subscription);
    }
    rows(&rest_subscription.outbox, reply)
}

/// What waits, as one QUERY_UPDATE; its rows may be none.
fn rows(outbox: &Outbox, reply: Reply) -> Reply {
    match outbox.next_update() {
        Some(frame) => {
            let frame = String::from_utf8_lossy(&frame).into_owned();
            Reply { frame, ..Reply::default() }
        }
        None => reply,
    }
}

fn nack_reply(message: &str, source_ref: &str, nack: &Nack) -> Reply {
    let name = crate::messages::find(message).map_or("MSG_NACK", |handler| handler.nack);
    Reply {
        frame: protocol::envelope::encode(name, Some(source_ref), &nack.body()),
        refused: Some(nack.code()),
        ..Reply::default()
    }
}
