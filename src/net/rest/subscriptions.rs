//! Data sources over REST: POST subscribes, GET polls, PUT reads more rows, DELETE ends.

use hyper::Method;
use protocol::{Nack, NackCode};

use super::request::RestRequest;
use crate::gateway::RestSubscription;
use crate::messages::{AfterReply, ClientInfo, Handler, find, internal_error, no_session};
use crate::router::{Reply, Router, TokenCache};
use crate::subscriptions::Outbox;
/// Serves one request on a data source; an error never became a message.
pub(super) async fn respond(
    method: &Method,
    source: &str,
    mut request: RestRequest,
    client: ClientInfo,
    router: &Router,
) -> Result<Reply, Nack> {
    let name = subscription_name(method, &request)?;
    let gateway = router.gateway();
    let now = gateway.clock.now();
    let handler = handler(method)?;
    let refuse = |nack| Ok(router.refuse(handler, Some(&name), nack, &client));
    // From here on the session speaks for the request: its token is looked up once.
    let token = request.envelope.session_auth_token.take().ok_or_else(no_session);
    let session = token.and_then(|token| router.session(&client, &token, now));
    let session = match session {
        Ok(session) => session,
        Err(nack) => return refuse(nack),
    };
    let with = |polled: &RestSubscription| {
        let (outbox, session) = (Some(polled.outbox.clone()), Some(session.clone()));
        ClientInfo { outbox, session, ..client.clone() }
    };
    if *method == Method::POST {
        let bytes_max = gateway.settings().server.limits.outbox_bytes;
        request.set_details(vec![("DATASOURCE_NAME".to_owned(), source.to_owned())])?;
        let request = request.into_request(handler)?;
        let polled = gateway.rest_subscriptions.open(&session, &name, bytes_max, now);
        let reply = router.handle(with(&polled), TokenCache::default(), request).await;
        gateway.rest_subscriptions.remove_if_empty(session.session, &name);
        return Ok(first_rows(reply, &polled));
    }
    let Some(polled) = gateway.rest_subscriptions.poll(session.session, &name, now) else {
        return refuse(not_open());
    };
    if *method == Method::GET {
        if let Err(nack) = router.authorize(handler, &request.envelope, &session) {
            return refuse(nack);
        }
        // None: it is being opened, or was ended meanwhile.
        return rows(&polled.outbox).map_or_else(|| refuse(not_open()), Ok);
    }
    let request = request.on_subscription(handler, &name)?;
    let reply = router.handle(with(&polled), TokenCache::default(), request).await;
    gateway.rest_subscriptions.remove_if_empty(session.session, &name);
    match reply.after_reply {
        AfterReply::NoReply => Ok(rows(&polled.outbox).unwrap_or(reply)),
        _ => Ok(reply),
    }
}

/// The handler of the message that a method stands for; a poll is answered as a logon.
fn handler(method: &Method) -> Result<&'static Handler, Nack> {
    let message_type = match *method {
        Method::PUT => "MORE_ROWS",
        Method::DELETE => "DATA_LOGOFF",
        _ => "DATA_LOGON",
    };
    find(message_type).ok_or_else(|| internal_error(message_type))
}

/// The name of the subscription that is meant, as JSON text.
fn subscription_name(method: &Method, request: &RestRequest) -> Result<String, Nack> {
    let name = if *method == Method::PUT { request.subscription() } else { None };
    name.or_else(|| request.source_ref().map(str::to_owned)).ok_or_else(|| {
        let text = "SOURCE_REF is missing: it names the subscription";
        Nack::new(NackCode::NoSourceRef, text)
    })
}

/// The first rows instead of the LOGON_ACK: a poll has one answer.
fn first_rows(reply: Reply, polled: &RestSubscription) -> Reply {
    let AfterReply::ReleaseSubscription(subscription, session) = &reply.after_reply else {
        return reply;
    };
    if !session.has_ended() {
        polled.outbox.release(*subscription);
    }
    rows(&polled.outbox).unwrap_or(reply)
}

/// The waiting rows as one QUERY_UPDATE; `None` if no subscription is open.
fn rows(outbox: &Outbox) -> Option<Reply> {
    outbox.next_update().map(|frame| Reply { frame, ..Reply::default() })
}

fn not_open() -> Nack {
    let text = "no subscription has this SOURCE_REF; POST opens one";
    Nack::new(NackCode::InvalidDatasource, text)
}
