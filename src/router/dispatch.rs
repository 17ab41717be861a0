//! The router: find the row, check who asks, serve, reply. The only place that logs and counts
//! messages; it knows no message by name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use protocol::{Envelope, Nack, NackCode, UserName};

use super::errors::unknown_message_type;
use super::reply::{Accepted, Reply, TokenCache};
use crate::gateway::Gateway;
use crate::messages::{
    Access, ClientInfo, Handler, HandlerIndex, ImmediateContext, MessageContext, RootFields, Serve,
    SideEffects, internal_error, no_session, table,
};
use crate::platform::{metrics, stopwatch};
use crate::realm::{Command, EndReason, Millis, Outcome, SessionEnd, TokenHash};
use crate::sessions::LiveSession;
use crate::settings::{AckNaming, NackNaming};
/// The longest REASON: an audit row has to hold it.
const REASON_MAX: usize = 512;

/// Answers envelopes, whatever brought them.
#[derive(Clone)]
pub struct Router {
    gateway: Arc<Gateway>,
    handlers: &'static HandlerIndex,
}

impl Router {
    /// A router for this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self::with(gateway, &table::INDEX)
    }

    /// The same with another table of messages.
    pub fn with(gateway: Arc<Gateway>, handlers: &'static HandlerIndex) -> Self {
        Self { gateway, handlers }
    }

    /// The gateway.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Answers a frame at once if it is malformed or may overtake others. The answer of one that
    /// may is written to the end of `out`.
    pub fn accept(
        &self,
        client: &ClientInfo,
        token_cache: &mut TokenCache,
        frame: &str,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Accepted {
        let settings = self.gateway.settings();
        let decoded = Envelope::decode(frame, settings.server.limits.json_depth);
        let envelope = match decoded.map_err(|malformed| malformed.nack()) {
            Ok(envelope) => envelope,
            Err(nack) => {
                let source_ref = protocol::envelope::source_ref_of(frame);
                return Accepted::Refused(
                    None,
                    self.nack_reply(None, source_ref, &nack, client, None),
                );
            }
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        let Some(handler) = self.handlers.find(&envelope.message_type) else {
            let nack = unknown_message_type(&envelope.message_type);
            return Accepted::Refused(None, self.nack_reply(None, source_ref, &nack, client, None));
        };
        let Serve::Immediate(serve) = handler.serve else { return Accepted::Queued };
        let authenticated = self.authenticate(client, Some(token_cache), &envelope, now);
        let session = authenticated.as_ref().ok();
        let start = out.len();
        let served = self.authorize(handler, &envelope, &authenticated).and_then(|()| {
            let context = ImmediateContext {
                gateway: &self.gateway,
                client,
                session,
                envelope: &envelope,
                now,
                handlers: self.handlers.handlers(),
            };
            let served = catch_unwind(AssertUnwindSafe(|| serve(&context, source_ref, out)));
            served.unwrap_or_else(|_| Err(internal_error(handler.name)))
        });
        let bind = session_to_bind(client, session);
        match served {
            Ok(()) => Accepted::Answered(handler, bind),
            Err(nack) => {
                out.truncate(start);
                let user = session.map(|session| &session.user_name);
                self.record_refusal(handler, client, user, &nack);
                let reply = self.nack_reply(Some(handler), source_ref, &nack, client, user);
                Accepted::Refused(Some(handler), Reply { bind, ..reply })
            }
        }
    }

    /// Serves a frame as [`Router::accept`] and [`Router::handle`] would, for whoever has one at a
    /// time.
    pub async fn answer(
        &self,
        client: ClientInfo,
        token_cache: &mut TokenCache,
        frame: String,
    ) -> Reply {
        let (watch, mut out) = (stopwatch(), Vec::new());
        match self.accept(&client, token_cache, &frame, self.gateway.clock.now(), &mut out) {
            Accepted::Answered(handler, bind) => {
                handler.timings.record(1, watch.elapsed_secs());
                let frame = String::from_utf8(out).unwrap_or_default();
                Reply { frame, bind, ..Reply::default() }
            }
            Accepted::Refused(handler, reply) => {
                handler
                    .into_iter()
                    .for_each(|handler| handler.timings.record(1, watch.elapsed_secs()));
                reply
            }
            Accepted::Queued => self.handle(client, frame).await,
        }
    }

    /// Serves a frame in its turn.
    pub async fn handle(&self, client: ClientInfo, frame: impl AsRef<str>) -> Reply {
        let (watch, now) = (stopwatch(), self.gateway.clock.now());
        let (handler, root, details, session) = match self.resolve(&client, frame.as_ref(), now) {
            Ok(prepared) => prepared,
            Err(reply) => return reply,
        };
        let Serve::Queued(serve) = handler.serve else { return Reply::default() };
        let source_ref = root.source_ref.clone();
        let binds = session_to_bind(&client, session.as_ref());
        let dry = root.validate;
        let context = MessageContext::new(
            self.gateway.clone(),
            client.clone(),
            session.clone(),
            handler.name,
            now,
            root,
        );
        let served = AssertUnwindSafe(serve(&context, details)).catch_unwind().await;
        let served = served.unwrap_or_else(|_| Err(internal_error(handler.name)));
        handler.timings.record(1, watch.elapsed_secs());
        let SideEffects {
            after_reply: effect,
            bind,
            audited_user: about,
            has_submitted: commanded,
        } = context.into_side_effects();
        let bind = bind.or(binds.filter(|session| !session.has_ended()));
        let user = about.as_ref().or(session.as_ref().map(|session| &session.user_name));
        match served {
            Ok(body) => {
                if !dry {
                    log_success(handler, &client, user);
                }
                let frame = self.ack_reply(handler, source_ref.as_deref(), body);
                Reply { frame, bind, after_reply: effect, refused: None }
            }
            Err(nack) => {
                if !commanded {
                    self.record_refusal(handler, &client, user, &nack);
                }
                let reply =
                    self.nack_reply(Some(handler), source_ref.as_deref(), &nack, &client, user);
                Reply { bind, ..reply }
            }
        }
    }

    /// The answer to a message of a connection that sends too fast.
    pub fn too_fast(&self, client: &ClientInfo, frame: &str, wait_ms: Millis) -> Reply {
        let nack = Nack::too_many("too many messages on this connection", wait_ms);
        let Ok(envelope) = self.decode(frame) else {
            return self.nack_reply(None, None, &nack, client, None);
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        self.nack_reply(self.handlers.find(&envelope.message_type), source_ref, &nack, client, None)
    }

    /// The session that a token speaks for, for whoever asks without a message.
    pub fn session(
        &self,
        client: &ClientInfo,
        token: &str,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        let session = self.session_by_token(client, None, token, now)?;
        self.check_not_expired(session, now)
    }

    fn decode<'a>(&self, frame: &'a str) -> Result<Envelope<'a>, Nack> {
        let depth = self.gateway.settings().server.limits.json_depth;
        Envelope::decode(frame, depth).map_err(|malformed| malformed.nack())
    }

    #[expect(clippy::type_complexity, reason = "the parts of a call, used once")]
    fn resolve(
        &self,
        client: &ClientInfo,
        frame: &str,
        now: Millis,
    ) -> Result<(&'static Handler, RootFields, Option<String>, Option<Arc<LiveSession>>), Reply>
    {
        let refuse = |handler, source_ref, nack: &Nack| {
            self.nack_reply(handler, source_ref, nack, client, None)
        };
        let source_ref = || protocol::envelope::source_ref_of(frame);
        let envelope = self.decode(frame).map_err(|nack| refuse(None, source_ref(), &nack))?;
        let source_ref = envelope.source_ref.map(|it| it.json());
        let handler = self.handlers.find(&envelope.message_type).ok_or_else(|| {
            refuse(None, source_ref, &unknown_message_type(&envelope.message_type))
        })?;
        let authenticated = self.authenticate(client, None, &envelope, now);
        self.authorize(handler, &envelope, &authenticated).map_err(|nack| {
            let session = authenticated.as_ref().ok();
            let user = session.map(|session| &session.user_name);
            self.record_refusal(handler, client, user, &nack);
            let refused = self.nack_reply(Some(handler), source_ref, &nack, client, user);
            Reply { bind: session_to_bind(client, session), ..refused }
        })?;
        let session = authenticated.ok();
        if let Some(session) = &session {
            session.seen(now);
            if handler.counts_as_use {
                session.used(now);
            }
        }
        let root = RootFields {
            source_ref: source_ref.map(str::to_owned),
            user_name: envelope.user_name.as_deref().map(str::to_owned),
            session_id: envelope.session_id.as_deref().map(str::to_owned),
            verbose: envelope.verbose,
            reason: envelope.reason.as_deref().map(str::to_owned),
            validate: envelope.validate,
            details: envelope.details.is_some(),
        };
        Ok((handler, root, envelope.details.map(|details| details.get().to_owned()), session))
    }

    /// Who speaks (PROTOCOL §2, "Identity").
    fn authenticate(
        &self,
        client: &ClientInfo,
        token_cache: Option<&mut TokenCache>,
        envelope: &Envelope<'_>,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        let session = match &envelope.session_auth_token {
            Some(token) => self.session_by_token(client, token_cache, token, now),
            None => client.session.clone().ok_or_else(no_session),
        };
        session.and_then(|session| self.check_not_expired(session, now))
    }

    /// Whether the row lets him.
    fn authorize(
        &self,
        handler: &Handler,
        envelope: &Envelope<'_>,
        authenticated: &Result<Arc<LiveSession>, Nack>,
    ) -> Result<(), Nack> {
        if envelope.validate && !handler.record_event {
            let text = "VALIDATE is served by the events that change records";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        let written = |reason: &str| serde_json::to_string(reason).map_or(0, |it| it.len());
        if envelope.reason.as_deref().is_some_and(|reason| written(reason) > REASON_MAX) {
            let text = format!("REASON has at most {REASON_MAX} bytes, written as JSON");
            return Err(Nack::new(NackCode::ValidationError, text));
        }
        if handler.access == Access::Anyone {
            return Ok(());
        }
        if handler.access == Access::PendingLogin && authenticated.is_err() {
            // The message looks for its token.
            return Ok(());
        }
        let session = authenticated.as_ref().map_err(Nack::clone)?;
        if envelope.user_name.as_ref().is_some_and(|name| !session.user_name.is(name)) {
            let text = "USER_NAME is not the user of this session";
            return Err(Nack::new(NackCode::NotAuthorised, text));
        }
        if let Access::Right(right) = handler.access
            && !self.gateway.replica.read(|realm, _| realm.holds_code(session.user, right))
        {
            return Err(Nack::not_authorised(right));
        }
        Ok(())
    }

    fn session_by_token(
        &self,
        client: &ClientInfo,
        token_cache: Option<&mut TokenCache>,
        token: &str,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        if let (Some(bound), Some(known)) = (&client.session, &token_cache)
            && known.matches(token, bound.token_epoch())
        {
            return Ok(bound.clone());
        }
        let hash = TokenHash(crate::auth::hash_token(token));
        let found = self.gateway.replica.read(|realm, _| {
            let session = realm.session_by_token(now, &hash)?;
            let user = realm.user(session.user)?;
            let current = session.token == hash;
            let presences = &self.gateway.replica.sessions;
            let live_session = presences.get_or_create(session, &user.name);
            Some((live_session, current))
        });
        let (live_session, current) = found.ok_or_else(no_session)?;
        // The former token of a refreshed session dies with its grace: it is looked up every time.
        let mine = client.session.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &live_session));
        if let Some(known) = token_cache.filter(|_| current && mine) {
            known.store(token, live_session.token_epoch());
        }
        Ok(live_session)
    }

    /// Expiry is enforced at use, not only by the sweep.
    fn check_not_expired(
        &self,
        session: Arc<LiveSession>,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        let over = || Nack::new(NackCode::SessionExpired, "the session is over; log in again");
        if session.has_ended() {
            return Err(over());
        }
        let idle_ms = self.gateway.settings().security.session_timeout_ms();
        let touched = session.last_used();
        let (until, reason, unless_after) = match session.fixed_end() {
            Some(ends) => (ends, EndReason::Expired, None),
            None => (touched.saturating_add(idle_ms), EndReason::Idle, Some(touched)),
        };
        if now < until {
            return Ok(session);
        }
        // One command is enough, however many messages find it so.
        if session.try_begin_end() {
            let end = SessionEnd { session: session.session, reason, unless_after };
            let replica = self.gateway.replica.clone();
            tokio::spawn(async move {
                let ended = replica.submit(Command::End(end)).await;
                if !matches!(ended, Ok(Outcome::EndedSessions(1))) {
                    session.end_failed();
                }
            });
        }
        Err(over())
    }

    /// Puts MESSAGE_TYPE and SOURCE_REF in front of an ack's root.
    fn ack_reply(&self, handler: &Handler, source_ref: Option<&str>, body: String) -> String {
        let generic =
            handler.record_event && self.gateway.settings().server.ack_naming == AckNaming::Generic;
        let name = if generic { "EVENT_ACK" } else { handler.ack };
        // The body was encoded with the row's own name and without SOURCE_REF.
        let rest = body.get(r#"{"MESSAGE_TYPE":"""#.len() + handler.ack.len()..).unwrap_or("}");
        let mut frame = Vec::with_capacity(body.len() + 64);
        protocol::envelope::write_head(&mut frame, name, source_ref);
        frame.extend_from_slice(rest.as_bytes());
        String::from_utf8(frame).unwrap_or_default()
    }

    /// Refusals that no command was made of go into the audit trail, too.
    fn record_refusal(
        &self,
        handler: &Handler,
        client: &ClientInfo,
        user: Option<&UserName>,
        nack: &Nack,
    ) {
        let gets_in = handler.access == Access::Anyone;
        self.gateway.refusal_log.record(handler.name, gets_in, client.address, user, nack.code());
    }

    fn nack_reply(
        &self,
        handler: Option<&Handler>,
        source_ref: Option<&str>,
        nack: &Nack,
        client: &ClientInfo,
        user: Option<&UserName>,
    ) -> Reply {
        let legacy = self.gateway.settings().server.nack_naming == NackNaming::Legacy;
        let name = handler
            .map_or("MSG_NACK", |handler| if legacy { handler.legacy_nack } else { handler.nack });
        let bound = || client.session.as_ref().map(|session| &session.user_name);
        let user = user.or_else(bound).map(UserName::as_str);
        metrics::record_refused(handler.map(|handler| handler.name), nack.code());
        tracing::info!(
            message_type = handler.map_or("?", |handler| handler.name),
            code = nack.code().code(),
            user,
            address = %client.address,
            "refused"
        );
        Reply {
            frame: protocol::envelope::encode(name, source_ref, &nack.body()),
            refused: Some(nack.code()),
            ..Reply::default()
        }
    }
}

/// The session to which an unbound socket belongs from now on: it spoke for it.
fn session_to_bind(
    client: &ClientInfo,
    session: Option<&Arc<LiveSession>>,
) -> Option<Arc<LiveSession>> {
    session.filter(|_| client.session.is_none() && client.outbox.is_some()).cloned()
}

/// One line for each login and each administration.
fn log_success(handler: &Handler, client: &ClientInfo, user: Option<&UserName>) {
    if handler.logged {
        let (user, address) = (user.map(UserName::as_str), client.address);
        tracing::info!(message_type = handler.name, code = "OK", user, %address, "done");
    }
}
