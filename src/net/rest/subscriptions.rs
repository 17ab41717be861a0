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
    asked: &RestRequest,
    caller: ClientInfo,
    router: &Router,
) -> Result<Reply, Nack> {
    let name = subscription(method, asked)?;
    let node = router.node();
    let now = node.clock.now();
    let message = message(method);
    let token = asked.session_auth_token.as_deref();
    let session = token.ok_or_else(no_session).and_then(|it| router.session(&caller, it, now));
    let session = match session {
        Ok(session) => session,
        Err(nack) => return Ok(refused(message, &name, &nack)),
    };
    let with = |poll: &RestSubscription| {
        let (outbox, bound) = (Some(poll.outbox.clone()), Some(session.clone()));
        ClientInfo { outbox, session: bound, ..caller.clone() }
    };
    if *method == Method::POST {
        let bytes_max = node.settings().server.limits.outbox_bytes;
        let poll = node.polls.open(&session, &name, bytes_max, now);
        let mut asked = asked.clone();
        asked.set_detail("DATASOURCE_NAME", source.to_owned())?;
        let reply = serve(router, with(&poll), asked.to_frame(message)?).await;
        node.polls.remove_if_empty(session.session, &name);
        return Ok(first_rows(reply, &poll, router));
    }
    let Some(poll) = node.polls.poll(session.session, &name, now) else {
        let text = "no subscription has this SOURCE_REF; POST opens one";
        return Ok(refused(message, &name, &Nack::new(NackCode::InvalidDatasource, text)));
    };
    if *method == Method::GET {
        if asked.user_name.as_ref().is_some_and(|name| !session.user_name.is(name)) {
            let text = "USER_NAME is not the user of this session";
            return Ok(refused(message, &name, &Nack::new(NackCode::NotAuthorised, text)));
        }
        return Ok(rows(&poll.outbox, Reply::default()));
    }
    let reply = serve(router, with(&poll), asked.as_message(message, &name)).await;
    node.polls.remove_if_empty(session.session, &name);
    match reply.effect {
        AfterReply::NoReply => Ok(rows(&poll.outbox, reply)),
        _ => Ok(reply),
    }
}

/// What a method says on a socket; a poll is nothing that is said there.
fn message(method: &Method) -> &'static str {
    match *method {
        Method::PUT => "MORE_ROWS",
        Method::DELETE => "DATA_LOGOFF",
        _ => "DATA_LOGON",
    }
}

/// The name of the subscription that is meant, as JSON text.
fn subscription(method: &Method, asked: &RestRequest) -> Result<String, Nack> {
    let name = if *method == Method::PUT { asked.subscription() } else { None };
    name.or_else(|| asked.source_ref().map(str::to_owned)).ok_or_else(|| {
        let text = "SOURCE_REF is missing: it names the subscription";
        Nack::new(NackCode::NoSourceRef, text)
    })
}

/// The first rows instead of the LOGON_ACK: whoever polls wants one answer.
fn first_rows(reply: Reply, poll: &RestSubscription, router: &Router) -> Reply {
    let AfterReply::ReleaseSubscription(subscription, session) = &reply.effect else {
        return reply;
    };
    if !session.has_ended() {
        router.node().replica.feed.release(&poll.outbox, *subscription);
    }
    rows(&poll.outbox, reply)
}

/// What waits, as one QUERY_UPDATE; its rows may be none.
fn rows(outbox: &Outbox, reply: Reply) -> Reply {
    match outbox.poll() {
        Some(frame) => Reply { frame, ..Reply::default() },
        None => reply,
    }
}

fn refused(message: &str, source_ref: &str, nack: &Nack) -> Reply {
    let name = crate::messages::find(message).map_or("MSG_NACK", |row| row.nack);
    Reply {
        frame: protocol::envelope::encode(name, Some(source_ref), &nack.body()),
        refused: Some(nack.code()),
        ..Reply::default()
    }
}
