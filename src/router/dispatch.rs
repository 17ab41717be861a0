//! The router: find the row, check who asks, serve, reply. The only place that logs and counts
//! messages; it knows no message by name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use protocol::{Envelope, Nack, NackCode, UserName};

use super::errors::{internal_error, unknown_message_type};
use super::reply::{Accepted, Reply, TokenCache};
use crate::gateway::Node;
use crate::messages::{
    Access, ClientInfo, Handler, HandlerIndex, ImmediateContext, MessageContext, RootFields, Serve,
    SideEffects, no_session, table,
};
use crate::platform::{metrics, stopwatch};
use crate::realm::{Command, End, EndReason, Millis, Outcome, TokenHash};
use crate::sessions::LiveSession;
use crate::settings::{AckNaming, NackNaming};
/// The longest REASON: an audit row has to hold it.
const REASON_MAX: usize = 512;

/// Answers envelopes, whatever brought them.
#[derive(Clone)]
pub struct Router {
    node: Arc<Node>,
    handlers: &'static HandlerIndex,
}

impl Router {
    /// A router for this gateway.
    pub fn new(node: Arc<Node>) -> Self {
        Self::with(node, &table::INDEX)
    }

    /// The same with another table of messages.
    pub fn with(node: Arc<Node>, handlers: &'static HandlerIndex) -> Self {
        Self { node, handlers }
    }

    /// The gateway.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Answers a frame at once if it is malformed or may overtake others. The answer of one that
    /// may is written to the end of `out`.
    pub fn accept(
        &self,
        caller: &ClientInfo,
        known: &mut TokenCache,
        frame: &str,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Accepted {
        let settings = self.node.settings();
        let decoded = Envelope::decode(frame, settings.server.limits.json_depth);
        let envelope = match decoded.map_err(|malformed| malformed.nack()) {
            Ok(envelope) => envelope,
            Err(nack) => {
                let source_ref = protocol::envelope::source_ref_of(frame);
                return Accepted::Refused(
                    None,
                    self.nack_reply(None, source_ref, &nack, caller, None),
                );
            }
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        let Some(row) = self.handlers.find(&envelope.message_type) else {
            let nack = unknown_message_type(&envelope.message_type);
            return Accepted::Refused(None, self.nack_reply(None, source_ref, &nack, caller, None));
        };
        let Serve::Immediate(serve) = row.serve else { return Accepted::Queued };
        let speaker = self.authenticate(caller, Some(known), &envelope, now);
        let session = speaker.as_ref().ok();
        let start = out.len();
        let served = self.authorize(row, &envelope, &speaker).and_then(|()| {
            let ask = ImmediateContext {
                node: &self.node,
                caller,
                session,
                envelope: &envelope,
                now,
                handlers: self.handlers.handlers(),
            };
            let served = catch_unwind(AssertUnwindSafe(|| serve(&ask, source_ref, out)));
            served.unwrap_or_else(|_| Err(internal_error(row.name)))
        });
        let bind = session_to_bind(caller, session);
        match served {
            Ok(()) => Accepted::Answered(row, bind),
            Err(nack) => {
                out.truncate(start);
                let user = session.map(|session| &session.user_name);
                self.record_refusal(row, caller, user, &nack);
                let reply = self.nack_reply(Some(row), source_ref, &nack, caller, user);
                Accepted::Refused(Some(row), Reply { bind, ..reply })
            }
        }
    }

    /// Serves a frame as [`Router::accept`] and [`Router::handle`] would, for whoever has one at a
    /// time.
    pub async fn answer(&self, caller: ClientInfo, known: &mut TokenCache, frame: String) -> Reply {
        let (watch, mut out) = (stopwatch(), Vec::new());
        match self.accept(&caller, known, &frame, self.node.clock.now(), &mut out) {
            Accepted::Answered(row, bind) => {
                row.timings.add(1, watch.elapsed_secs());
                let frame = String::from_utf8(out).unwrap_or_default();
                Reply { frame, bind, ..Reply::default() }
            }
            Accepted::Refused(row, reply) => {
                row.into_iter().for_each(|row| row.timings.add(1, watch.elapsed_secs()));
                reply
            }
            Accepted::Queued => self.handle(caller, frame).await,
        }
    }

    /// Serves a frame in its turn.
    pub async fn handle(&self, caller: ClientInfo, frame: impl AsRef<str>) -> Reply {
        let (watch, now) = (stopwatch(), self.node.clock.now());
        let (row, root, details, session) = match self.resolve(&caller, frame.as_ref(), now) {
            Ok(prepared) => prepared,
            Err(reply) => return reply,
        };
        let Serve::Queued(serve) = row.serve else { return Reply::default() };
        let source_ref = root.source_ref.clone();
        let binds = session_to_bind(&caller, session.as_ref());
        let dry = root.validate;
        let call = MessageContext::new(
            self.node.clone(),
            caller.clone(),
            session.clone(),
            row.name,
            now,
            root,
        );
        let served = AssertUnwindSafe(serve(&call, details)).catch_unwind().await;
        let served = served.unwrap_or_else(|_| Err(internal_error(row.name)));
        row.timings.add(1, watch.elapsed_secs());
        let SideEffects { effect, bind, audited_user: about, has_submitted: commanded } =
            call.into_answer();
        let bind = bind.or(binds.filter(|session| !session.has_ended()));
        let user = about.as_ref().or(session.as_ref().map(|session| &session.user_name));
        match served {
            Ok(body) => {
                if !dry {
                    log_success(row, &caller, user);
                }
                let frame = self.ack_reply(row, source_ref.as_deref(), body);
                Reply { frame, bind, effect, refused: None }
            }
            Err(nack) => {
                if !commanded {
                    self.record_refusal(row, &caller, user, &nack);
                }
                let reply = self.nack_reply(Some(row), source_ref.as_deref(), &nack, &caller, user);
                Reply { bind, ..reply }
            }
        }
    }

    /// The answer to a message of a connection that sends too fast.
    pub fn too_fast(&self, caller: &ClientInfo, frame: &str, wait_ms: Millis) -> Reply {
        let nack = Nack::too_many("too many messages on this connection", wait_ms);
        let Ok(envelope) = self.decode(frame) else {
            return self.nack_reply(None, None, &nack, caller, None);
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        self.nack_reply(self.handlers.find(&envelope.message_type), source_ref, &nack, caller, None)
    }

    /// The session that a token speaks for, for whoever asks without a message.
    pub fn session(
        &self,
        caller: &ClientInfo,
        token: &str,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        let session = self.session_by_token(caller, None, token, now)?;
        self.check_not_expired(session, now)
    }

    fn decode<'a>(&self, frame: &'a str) -> Result<Envelope<'a>, Nack> {
        let depth = self.node.settings().server.limits.json_depth;
        Envelope::decode(frame, depth).map_err(|malformed| malformed.nack())
    }

    #[expect(clippy::type_complexity, reason = "the parts of a call, used once")]
    fn resolve(
        &self,
        caller: &ClientInfo,
        frame: &str,
        now: Millis,
    ) -> Result<(&'static Handler, RootFields, Option<String>, Option<Arc<LiveSession>>), Reply>
    {
        let refuse =
            |row, source_ref, nack: &Nack| self.nack_reply(row, source_ref, nack, caller, None);
        let source_ref = || protocol::envelope::source_ref_of(frame);
        let envelope = self.decode(frame).map_err(|nack| refuse(None, source_ref(), &nack))?;
        let source_ref = envelope.source_ref.map(|it| it.json());
        let row = self.handlers.find(&envelope.message_type).ok_or_else(|| {
            refuse(None, source_ref, &unknown_message_type(&envelope.message_type))
        })?;
        let speaker = self.authenticate(caller, None, &envelope, now);
        self.authorize(row, &envelope, &speaker).map_err(|nack| {
            let session = speaker.as_ref().ok();
            let user = session.map(|session| &session.user_name);
            self.record_refusal(row, caller, user, &nack);
            let refused = self.nack_reply(Some(row), source_ref, &nack, caller, user);
            Reply { bind: session_to_bind(caller, session), ..refused }
        })?;
        let session = speaker.ok();
        if let Some(session) = &session {
            session.seen(now);
            if row.counts_as_use {
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
        Ok((row, root, envelope.details.map(|details| details.get().to_owned()), session))
    }

    /// Who speaks (PROTOCOL §2, "Identity").
    fn authenticate(
        &self,
        caller: &ClientInfo,
        known: Option<&mut TokenCache>,
        envelope: &Envelope<'_>,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        let session = match &envelope.session_auth_token {
            Some(token) => self.session_by_token(caller, known, token, now),
            None => caller.session.clone().ok_or_else(no_session),
        };
        session.and_then(|session| self.check_not_expired(session, now))
    }

    /// Whether the row lets him.
    fn authorize(
        &self,
        row: &Handler,
        envelope: &Envelope<'_>,
        speaker: &Result<Arc<LiveSession>, Nack>,
    ) -> Result<(), Nack> {
        if envelope.validate && !row.record_event {
            let text = "VALIDATE is served by the events that change records";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        let written = |reason: &str| serde_json::to_string(reason).map_or(0, |it| it.len());
        if envelope.reason.as_deref().is_some_and(|reason| written(reason) > REASON_MAX) {
            let text = format!("REASON has at most {REASON_MAX} bytes, written as JSON");
            return Err(Nack::new(NackCode::ValidationError, text));
        }
        if row.access == Access::Anyone {
            return Ok(());
        }
        if row.access == Access::PendingLogin && speaker.is_err() {
            // The message looks for its token.
            return Ok(());
        }
        let session = speaker.as_ref().map_err(Nack::clone)?;
        if envelope.user_name.as_ref().is_some_and(|name| !session.user_name.is(name)) {
            let text = "USER_NAME is not the user of this session";
            return Err(Nack::new(NackCode::NotAuthorised, text));
        }
        if let Access::Right(right) = row.access
            && !self.node.replica.read(|realm, _| realm.holds_code(session.user, right))
        {
            return Err(Nack::not_authorised(right));
        }
        Ok(())
    }

    fn session_by_token(
        &self,
        caller: &ClientInfo,
        known: Option<&mut TokenCache>,
        token: &str,
        now: Millis,
    ) -> Result<Arc<LiveSession>, Nack> {
        if let (Some(bound), Some(known)) = (&caller.session, &known)
            && known.matches(token, bound.token_epoch())
        {
            return Ok(bound.clone());
        }
        let hash = TokenHash(crate::auth::hash_token(token));
        let found = self.node.replica.read(|realm, _| {
            let session = realm.session_by_token(now, &hash)?;
            let user = realm.user(session.user)?;
            let current = session.token == hash;
            let presences = &self.node.replica.presences;
            let presence = presences.get_or_create(session, &user.name);
            Some((presence, current))
        });
        let (presence, current) = found.ok_or_else(no_session)?;
        // The former token of a refreshed session dies with its grace: it is looked up every time.
        let mine = caller.session.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &presence));
        if let Some(known) = known.filter(|_| current && mine) {
            known.store(token, presence.token_epoch());
        }
        Ok(presence)
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
        let idle_ms = self.node.settings().security.session_timeout_ms();
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
            let end = End { session: session.session, reason, unless_after };
            let replica = self.node.replica.clone();
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
    fn ack_reply(&self, row: &Handler, source_ref: Option<&str>, body: String) -> String {
        let generic =
            row.record_event && self.node.settings().server.ack_naming == AckNaming::Generic;
        let name = if generic { "EVENT_ACK" } else { row.ack };
        // The body was encoded with the row's own name and without SOURCE_REF.
        let rest = body.get(r#"{"MESSAGE_TYPE":"""#.len() + row.ack.len()..).unwrap_or("}");
        let mut frame = Vec::with_capacity(body.len() + 64);
        protocol::envelope::write_head(&mut frame, name, source_ref);
        frame.extend_from_slice(rest.as_bytes());
        String::from_utf8(frame).unwrap_or_default()
    }

    /// Refusals that no command was made of go into the audit trail, too.
    fn record_refusal(
        &self,
        row: &Handler,
        caller: &ClientInfo,
        user: Option<&UserName>,
        nack: &Nack,
    ) {
        let gets_in = row.access == Access::Anyone;
        self.node.notes.record(row.name, gets_in, caller.address, user, nack.code());
    }

    fn nack_reply(
        &self,
        row: Option<&Handler>,
        source_ref: Option<&str>,
        nack: &Nack,
        caller: &ClientInfo,
        user: Option<&UserName>,
    ) -> Reply {
        let legacy = self.node.settings().server.nack_naming == NackNaming::Legacy;
        let name = row.map_or("MSG_NACK", |row| if legacy { row.legacy_nack } else { row.nack });
        let bound = || caller.session.as_ref().map(|session| &session.user_name);
        let user = user.or_else(bound).map(UserName::as_str);
        metrics::record_refused(row.map(|row| row.name), nack.code());
        tracing::info!(
            message_type = row.map_or("?", |row| row.name),
            code = nack.code().code(),
            user,
            address = %caller.address,
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
    caller: &ClientInfo,
    session: Option<&Arc<LiveSession>>,
) -> Option<Arc<LiveSession>> {
    session.filter(|_| caller.session.is_none() && caller.outbox.is_some()).cloned()
}

/// One line for each login and each administration.
fn log_success(row: &Handler, caller: &ClientInfo, user: Option<&UserName>) {
    if row.logged {
        let (user, address) = (user.map(UserName::as_str), caller.address);
        tracing::info!(message_type = row.name, code = "OK", user, %address, "done");
    }
}
