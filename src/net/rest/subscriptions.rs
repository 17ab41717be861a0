//! Subscriptions over REST: POST subscribes, GET polls, PUT reads more rows, DELETE unsubscribes.

use hyper::Method;
use protocol::{Nack, NackCode};

use super::request::RestRequest;
use crate::gateway::RestSubscription;
use crate::messages::{AfterReply, ClientInfo, Handler, find, internal_error, no_session};
use crate::router::{Reply, Router, TokenCache};
use crate::subscriptions::Outbox;

/// Responds to a request on a data source. `Err` if the request cannot be converted into a
/// message.
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
    // The token is looked up only once: from here on the session authenticates the request.
    let token = request.envelope.session_auth_token.take().ok_or_else(no_session);
    let session = token.and_then(|token| router.session(&client, &token, now));
    let session = match session {
        Ok(session) => session,
        Err(nack) => return refuse(nack),
    };
    let client_with = |entry: &RestSubscription| {
        let (outbox, session) = (Some(entry.outbox.clone()), Some(session.clone()));
        ClientInfo { outbox, session, ..client.clone() }
    };
    if *method == Method::POST {
        let bytes_max = gateway.settings().server.limits.outbox_bytes;
        request.set_details(vec![("DATASOURCE_NAME".to_owned(), source.to_owned())])?;
        let request = request.into_request(handler)?;
        let entry = gateway.rest_subscriptions.open(&session, &name, bytes_max, now);
        let reply = router.handle(client_with(&entry), TokenCache::default(), request).await;
        gateway.rest_subscriptions.remove_if_empty(session.session, &name);
        return Ok(first_rows(reply, &entry));
    }
    let Some(entry) = gateway.rest_subscriptions.poll(session.session, &name, now) else {
        return refuse(not_open());
    };
    if *method == Method::GET {
        if let Err(nack) = router.authorize(handler, &request.envelope, &session) {
            return refuse(nack);
        }
        // `rows` returns `None` if the subscription is still being opened, or has ended meanwhile.
        return rows(&entry.outbox).map_or_else(|| refuse(not_open()), Ok);
    }
    let request = request.on_subscription(handler, &name)?;
    let reply = router.handle(client_with(&entry), TokenCache::default(), request).await;
    gateway.rest_subscriptions.remove_if_empty(session.session, &name);
    match reply.after_reply {
        AfterReply::NoReply => Ok(rows(&entry.outbox).unwrap_or(reply)),
        _ => Ok(reply),
    }
}

/// Returns the handler for a method. A poll (GET) has the checks and the refusals of DATA_LOGON.
fn handler(method: &Method) -> Result<&'static Handler, Nack> {
    let message_type = match *method {
        Method::PUT => "MORE_ROWS",
        Method::DELETE => "DATA_LOGOFF",
        _ => "DATA_LOGON",
    };
    find(message_type).ok_or_else(|| internal_error(message_type))
}

/// Returns the name of the subscription as JSON text: SOURCE_REF. A PUT may name it in
/// SUBSCRIPTION_REF instead.
fn subscription_name(method: &Method, request: &RestRequest) -> Result<String, Nack> {
    let name = if *method == Method::PUT { request.subscription() } else { None };
    name.or_else(|| request.source_ref().map(str::to_owned)).ok_or_else(|| {
        let text = "SOURCE_REF is missing; it names the subscription";
        Nack::new(NackCode::NoSourceRef, text)
    })
}

/// Returns the first rows instead of the LOGON_ACK, because a REST request has only one response.
/// Returns `reply` if no subscription was opened, or if it has already ended.
fn first_rows(reply: Reply, entry: &RestSubscription) -> Reply {
    let AfterReply::ReleaseSubscription(subscription, session) = &reply.after_reply else {
        return reply;
    };
    if !session.has_ended() {
        entry.outbox.release(*subscription);
    }
    rows(&entry.outbox).unwrap_or(reply)
}

/// Returns the pending rows as one QUERY_UPDATE; `None` if no subscription is open.
fn rows(outbox: &Outbox) -> Option<Reply> {
    outbox.next_update().map(|frame| Reply { frame, ..Reply::default() })
}

fn not_open() -> Nack {
    let text = "no subscription has this SOURCE_REF; open one with POST";
    Nack::new(NackCode::InvalidDatasource, text)
}
