//! The dispatcher: finds the handler of a message, serves it, and builds the reply.
//!
//! Only the dispatcher logs messages and counts refused messages. It does so in the same way for
//! all message types.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use protocol::{Envelope, Nack, NackCode, OwnedEnvelope, UserName};

use super::authenticate::{authenticate, session_of_token};
use super::authorize::authorize;
use super::errors::unknown_message_type;
use super::reply::{Accepted, Reply, TokenCache};
use super::request::Request;
use crate::gateway::{Gateway, UnsubmittedMessage, is_audited};
use crate::messages::{
    Access, AckBody, AnswerFn, ClientInfo, Handler, HandlerIndex, ImmediateContext, MessageContext,
    Serve, ServeFn, SideEffects, internal_error, table,
};
use crate::platform::{metrics, refusal_line, stopwatch};
use crate::realm::Millis;
use crate::sessions::LiveSession;
use crate::settings::{AckNaming, NackNaming};

/// Serves the messages of all transports.
#[derive(Clone)]
pub struct Router {
    gateway: Arc<Gateway>,
    handlers: &'static HandlerIndex,
}

/// Handler, SOURCE_REF (as JSON text) and user of a refused message, each `None` if unknown.
type Subject<'a> = (Option<&'static Handler>, Option<&'a str>, Option<&'a UserName>);

impl Router {
    /// Creates a router for this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self::with(gateway, &table::INDEX)
    }

    /// Creates a router with the handlers of this index.
    pub fn with(gateway: Arc<Gateway>, handlers: &'static HandlerIndex) -> Self {
        Self { gateway, handlers }
    }

    /// Returns the gateway.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Decodes a frame and finds its handler. An immediate message is answered here: the ack is
    /// appended to `out`. Any other message is returned as a request for [`Router::handle`].
    pub fn accept(
        &self,
        client: &ClientInfo,
        token_cache: &mut TokenCache,
        frame: &str,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Accepted {
        let envelope = match Envelope::decode(frame, self.depth_max()) {
            Ok(envelope) => envelope,
            Err(malformed) => {
                let source_ref = protocol::envelope::source_ref_of(frame);
                return self.refused((None, source_ref, None), malformed.nack(), client);
            }
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        let Some(handler) = self.handlers.find(&envelope.message_type) else {
            let nack = unknown_message_type(&envelope.message_type);
            return self.refused((None, source_ref, None), nack, client);
        };
        match handler.serve {
            Serve::Queued(_) => Accepted::Queued(Box::new(Request {
                handler,
                envelope: (&envelope).into(),
                size: frame.len(),
            })),
            Serve::Immediate(answer) => {
                let served = (handler, answer);
                match self.answer_immediately(served, client, token_cache, &envelope, now, out) {
                    Ok(bind) => Accepted::Answered(handler, bind),
                    Err(reply) => Accepted::Refused(Some(handler), reply),
                }
            }
        }
    }

    /// Authenticates, authorizes and serves a request. The caller must handle the requests of one
    /// connection one after the other. `token_cache` is the token cache of the connection; the
    /// reply returns the updated cache.
    pub async fn handle(
        &self,
        client: ClientInfo,
        mut token_cache: TokenCache,
        request: Request,
    ) -> Reply {
        let (watch, now) = (stopwatch(), self.gateway.clock.now());
        let Request { handler, envelope, .. } = request;
        let reply = match handler.serve {
            Serve::Queued(serve) => {
                let decoded = envelope.as_envelope(handler.name);
                let session = authenticate(&self.gateway, &client, &mut token_cache, &decoded, now);
                match authorize(&self.gateway, handler, &decoded, &session) {
                    Ok(()) => {
                        let gateway = self.gateway.clone();
                        let (session, types) =
                            (session.ok(), (handler.name, self.ack_type(handler)));
                        let context =
                            MessageContext::new(gateway, client, session, types, now, envelope);
                        self.serve(handler, serve, context).await
                    }
                    Err(nack) => {
                        let session = session.as_ref().ok();
                        self.not_served((handler, &decoded), session, nack, &client)
                    }
                }
            }
            Serve::Immediate(answer) => {
                let (mut frame, decoded) = (Vec::new(), envelope.as_envelope(handler.name));
                let (served, cache) = ((handler, answer), &mut token_cache);
                match self.answer_immediately(served, &client, cache, &decoded, now, &mut frame) {
                    Ok(bind) => Reply { frame, bind, ..Reply::default() },
                    Err(reply) => *reply,
                }
            }
        };
        handler.timings.record(1, watch.elapsed_secs());
        Reply { token_cache, ..reply }
    }

    /// Accepts and handles a frame, for transports that send the next frame only after the reply.
    pub async fn answer(
        &self,
        client: ClientInfo,
        token_cache: &mut TokenCache,
        frame: &str,
    ) -> Reply {
        let (watch, mut out) = (stopwatch(), Vec::new());
        let accepted = self.accept(&client, token_cache, frame, self.gateway.clock.now(), &mut out);
        let (handler, reply) = match accepted {
            Accepted::Queued(request) => {
                let reply = self.handle(client, token_cache.clone(), *request).await;
                *token_cache = reply.token_cache.clone();
                return reply;
            }
            Accepted::Refused(handler, reply) => (handler, *reply),
            Accepted::Answered(handler, bind) => {
                (Some(handler), Reply { frame: out, bind, ..Reply::default() })
            }
        };
        if let Some(handler) = handler {
            handler.timings.record(1, watch.elapsed_secs());
        }
        reply
    }

    /// Returns the reply to a frame of a connection that sends too fast.
    pub fn too_fast(&self, client: &ClientInfo, frame: &str, wait_ms: Millis) -> Reply {
        let nack = Nack::too_many("too many messages on this connection", wait_ms);
        let Ok(envelope) = Envelope::decode(frame, self.depth_max()) else {
            let source_ref = protocol::envelope::source_ref_of(frame);
            return self.nack_reply((None, source_ref, None), nack, client);
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        self.nack_reply(
            (self.handlers.find(&envelope.message_type), source_ref, None),
            nack,
            client,
        )
    }

    /// Returns the session of a token, for requests that are not messages.
    pub fn session(
        &self,
        client: &ClientInfo,
        token: &str,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        session_of_token(&self.gateway, client, &mut TokenCache::default(), token, now)
    }

    /// Checks that a session may send this message. Used for polls of a REST subscription. A poll
    /// needs the same access as the message that created the subscription, but the handler of that
    /// message does not serve polls.
    pub fn authorize(
        &self,
        handler: &Handler,
        envelope: &OwnedEnvelope,
        session: &Arc<LiveSession>,
    ) -> Result<(), Nack> {
        let envelope = envelope.as_envelope(handler.name);
        authorize(&self.gateway, handler, &envelope, &Ok(session.clone()))
    }

    /// Returns the reply that refuses a message before it reaches its handler.
    pub fn refuse(
        &self,
        handler: &'static Handler,
        source_ref: Option<&str>,
        nack: Nack,
        client: &ClientInfo,
    ) -> Reply {
        self.nack_reply((Some(handler), source_ref, None), nack, client)
    }

    /// Returns the maximum nesting depth of an envelope.
    fn depth_max(&self) -> usize {
        self.gateway.settings().server.limits.json_depth
    }

    /// Appends the ack to `out` and returns the session to bind the connection to; `None` if the
    /// binding of the connection does not change. If the message is refused, the error is the reply
    /// to send.
    fn answer_immediately(
        &self,
        (handler, answer): (&'static Handler, AnswerFn),
        client: &ClientInfo,
        token_cache: &mut TokenCache,
        envelope: &Envelope<'_>,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Result<Option<Arc<LiveSession>>, Box<Reply>> {
        let source_ref = envelope.source_ref.map(|it| it.json());
        let authenticated = authenticate(&self.gateway, client, token_cache, envelope, now);
        let session = authenticated.as_ref().ok();
        let start = out.len();
        let answered = authorize(&self.gateway, handler, envelope, &authenticated).and_then(|()| {
            let handlers = self.handlers.handlers();
            let gateway = &self.gateway;
            let context = ImmediateContext { gateway, client, session, envelope, now, handlers };
            let answered = catch_unwind(AssertUnwindSafe(|| answer(&context, source_ref, out)));
            answered.unwrap_or_else(|_| Err(internal_error(handler.name)))
        });
        match answered {
            Ok(()) => Ok(session_to_bind(client, session)),
            Err(nack) => {
                out.truncate(start);
                Err(Box::new(self.not_served((handler, envelope), session, nack, client)))
            }
        }
    }

    /// Returns MESSAGE_TYPE of the ack.
    fn ack_type(&self, handler: &Handler) -> &'static str {
        let naming = self.gateway.settings().server.ack_naming;
        if handler.record_event && naming == AckNaming::Generic { "EVENT_ACK" } else { handler.ack }
    }

    async fn serve(
        &self,
        handler: &'static Handler,
        serve: ServeFn,
        context: MessageContext,
    ) -> Reply {
        if let Some(session) = &context.session
            && handler.counts_as_use
        {
            session.used(context.now);
        }
        let served = AssertUnwindSafe(serve(&context)).catch_unwind().await;
        let served = served.unwrap_or_else(|_| Err(internal_error(handler.name)));
        let MessageContext { client, session, envelope, side_effects, .. } = context;
        let effects = side_effects.into_inner();
        let SideEffects { after_reply, bind, audited_user, has_submitted, login, .. } = effects;
        let target = effects.audited_target;
        let bind = bind
            .or_else(|| session_to_bind(&client, session.as_ref()).filter(|it| !it.has_ended()));
        let user = audited_user.as_ref().or(session.as_ref().map(|session| &session.user_name));
        match served {
            Ok(body) => {
                if envelope.validate {
                    self.record_unsubmitted(handler, &client, user, target, (None, true));
                } else {
                    log_success(handler, &client, user);
                }
                let (frame, ack) = match body {
                    AckBody::Frame(frame) => (frame, None),
                    AckBody::Value(ack) => (Vec::new(), Some(ack)),
                };
                Reply { frame, ack, bind, after_reply, login, ..Reply::default() }
            }
            Err(nack) => {
                if !has_submitted {
                    // A name that the client sent is recorded only if no session speaks.
                    let own = session.as_ref().map(|session| &session.user_name);
                    let result = (Some(nack.code()), envelope.validate);
                    self.record_unsubmitted(handler, &client, own.or(user), target, result);
                }
                let subject = (Some(handler), envelope.source_ref(), user);
                Reply { bind, ..self.nack_reply(subject, nack, &client) }
            }
        }
    }

    /// Records the refusal of a message for which no command was submitted, and returns the reply.
    fn not_served(
        &self,
        (handler, envelope): (&'static Handler, &Envelope<'_>),
        session: Option<&Arc<LiveSession>>,
        nack: Nack,
        client: &ClientInfo,
    ) -> Reply {
        let user = session.map(|session| &session.user_name);
        // Without a session, the refusal of a dry run is that of any other message.
        let is_dry_run = envelope.validate && handler.record_event && user.is_some();
        let result = (Some(nack.code()), is_dry_run);
        self.record_unsubmitted(handler, client, user, None, result);
        let subject = (Some(handler), envelope.source_ref.map(|it| it.json()), user);
        let bind = session_to_bind(client, session);
        Reply { bind, ..self.nack_reply(subject, nack, client) }
    }

    /// Records a refused message, or a dry run, in the refusal log. `result` is the code of the
    /// refusal, `None` for an accepted dry run, and whether the message was a dry run. Call this
    /// only if no command was submitted: a submitted command already has an audit row.
    fn record_unsubmitted(
        &self,
        handler: &Handler,
        client: &ClientInfo,
        user: Option<&UserName>,
        target: Option<Box<str>>,
        (refused, dry_run): (Option<NackCode>, bool),
    ) {
        let is_open = matches!(handler.access, Access::Anyone | Access::RightUnlessOpen(_));
        if !dry_run && refused.is_some_and(|code| !is_audited(is_open, code)) {
            return;
        }
        let code = refused.map_or("OK", NackCode::code);
        let (user_name, event) = (user.cloned(), handler.name);
        let message = UnsubmittedMessage { user_name, event, target, code, dry_run };
        self.gateway.refusal_log.record(client.address, message);
    }

    fn refused(&self, subject: Subject<'_>, nack: Nack, client: &ClientInfo) -> Accepted {
        Accepted::Refused(subject.0, Box::new(self.nack_reply(subject, nack, client)))
    }

    /// Counts, logs and encodes a refusal.
    fn nack_reply(
        &self,
        (handler, source_ref, user): Subject<'_>,
        nack: Nack,
        client: &ClientInfo,
    ) -> Reply {
        let legacy = self.gateway.settings().server.nack_naming == NackNaming::Legacy;
        let name = match handler {
            Some(handler) if legacy => handler.legacy_nack,
            Some(handler) => handler.nack,
            None => "MSG_NACK",
        };
        let bound = || client.session.as_ref().map(|session| &session.user_name);
        let user = user.or_else(bound).map(UserName::as_str);
        let message_type = handler.map(|handler| handler.name);
        metrics::record_refused(message_type, nack.code());
        refusal_line!(
            INFO,
            Some(client.address),
            message_type = message_type.unwrap_or("?"),
            code = nack.code().code(),
            user,
            "message refused"
        );
        let frame = protocol::envelope::encode_nack(name, source_ref, &nack);
        Reply { frame, refused: Some(nack), ..Reply::default() }
    }
}

/// Returns the session to which an unbound WebSocket connection is to be bound; `None` if the
/// connection is already bound, the client has no outbox (REST), or `session` is `None`.
fn session_to_bind(
    client: &ClientInfo,
    session: Option<&Arc<LiveSession>>,
) -> Option<Arc<LiveSession>> {
    session.filter(|_| client.session.is_none() && client.outbox.is_some()).cloned()
}

/// Logs an accepted message if its handler requires a log line. The handlers of logins and of
/// administration require one.
fn log_success(handler: &Handler, client: &ClientInfo, user: Option<&UserName>) {
    if handler.logged {
        let (user, address) = (user.map(UserName::as_str), client.address);
        let message_type = handler.name;
        tracing::info!(message_type, code = "OK", user, %address, "message accepted");
    }
}
