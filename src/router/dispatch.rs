//! The router: find the row, check who asks, serve, reply. The only place that logs and counts
//! messages; it knows no message by name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use protocol::{Envelope, Nack, NackCode, UserName};

use super::errors::{internal, unknown};
use super::reply::{KnownToken, Looked, Reply};
use crate::gateway::Node;
use crate::messages::{
    Access, Answered, Ask, Call, Caller, Handler, HandlerIndex, Root, Serve, no_session, table,
};
use crate::platform::{metrics, stopwatch};
use crate::realm::{Command, End, EndReason, Millis, Outcome, TokenHash};
use crate::sessions::Presence;
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
    pub fn look(
        &self,
        caller: &Caller,
        known: &mut KnownToken,
        frame: &str,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Looked {
        let settings = self.node.settings();
        let decoded = Envelope::decode(frame, settings.server.limits.json_depth);
        let envelope = match decoded.map_err(|malformed| malformed.nack()) {
            Ok(envelope) => envelope,
            Err(nack) => {
                let source_ref = protocol::envelope::source_ref_of(frame);
                return Looked::Answered(None, self.refuse(None, source_ref, &nack, caller, None));
            }
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        let Some(row) = self.handlers.find(&envelope.message_type) else {
            let nack = unknown(&envelope.message_type);
            return Looked::Answered(None, self.refuse(None, source_ref, &nack, caller, None));
        };
        let Serve::AtOnce(serve) = row.serve else { return Looked::InTurn };
        let speaker = self.speaker(caller, Some(known), &envelope, now);
        let session = speaker.as_ref().ok();
        let start = out.len();
        let served = self.permit(row, &envelope, &speaker).and_then(|()| {
            let ask = Ask {
                node: &self.node,
                caller,
                session,
                envelope: &envelope,
                now,
                handlers: self.handlers.handlers(),
            };
            let served = catch_unwind(AssertUnwindSafe(|| serve(&ask, source_ref, out)));
            served.unwrap_or_else(|_| Err(internal(row.name)))
        });
        let bind = unbound(caller, session);
        match served {
            Ok(()) => Looked::Written(row, bind),
            Err(nack) => {
                out.truncate(start);
                let user = session.map(|session| &session.user_name);
                self.note(row, caller, user, &nack);
                let reply = self.refuse(Some(row), source_ref, &nack, caller, user);
                Looked::Answered(Some(row), Reply { bind, ..reply })
            }
        }
    }

    /// Serves a frame as [`Router::look`] and [`Router::serve`] would, for whoever has one at a
    /// time.
    pub async fn answer(&self, caller: Caller, known: &mut KnownToken, frame: String) -> Reply {
        let (watch, mut out) = (stopwatch(), Vec::new());
        match self.look(&caller, known, &frame, self.node.clock.now(), &mut out) {
            Looked::Written(row, bind) => {
                row.timings.add(1, watch.elapsed_secs());
                let frame = String::from_utf8(out).unwrap_or_default();
                Reply { frame, bind, ..Reply::default() }
            }
            Looked::Answered(row, reply) => {
                row.into_iter().for_each(|row| row.timings.add(1, watch.elapsed_secs()));
                reply
            }
            Looked::InTurn => self.serve(caller, frame).await,
        }
    }

    /// Serves a frame in its turn.
    pub async fn serve(&self, caller: Caller, frame: impl AsRef<str>) -> Reply {
        let (watch, now) = (stopwatch(), self.node.clock.now());
        let (row, root, details, session) = match self.prepare(&caller, frame.as_ref(), now) {
            Ok(prepared) => prepared,
            Err(reply) => return reply,
        };
        let Serve::InTurn(serve) = row.serve else { return Reply::default() };
        let source_ref = root.source_ref.clone();
        let binds = unbound(&caller, session.as_ref());
        let dry = root.validate;
        let call =
            Call::new(self.node.clone(), caller.clone(), session.clone(), row.name, now, root);
        let served = AssertUnwindSafe(serve(&call, details)).catch_unwind().await;
        let served = served.unwrap_or_else(|_| Err(internal(row.name)));
        row.timings.add(1, watch.elapsed_secs());
        let Answered { effect, bind, about, commanded } = call.into_answer();
        let bind = bind.or(binds.filter(|session| !session.is_over()));
        let user = about.as_ref().or(session.as_ref().map(|session| &session.user_name));
        match served {
            Ok(body) => {
                if !dry {
                    told(row, &caller, user);
                }
                let frame = self.acknowledge(row, source_ref.as_deref(), body);
                Reply { frame, bind, effect, refused: None }
            }
            Err(nack) => {
                if !commanded {
                    self.note(row, &caller, user, &nack);
                }
                let reply = self.refuse(Some(row), source_ref.as_deref(), &nack, &caller, user);
                Reply { bind, ..reply }
            }
        }
    }

    /// The answer to a message of a connection that sends too fast.
    pub fn too_fast(&self, caller: &Caller, frame: &str, wait_ms: Millis) -> Reply {
        let nack = Nack::too_many("too many messages on this connection", wait_ms);
        let Ok(envelope) = self.decode(frame) else {
            return self.refuse(None, None, &nack, caller, None);
        };
        let source_ref = envelope.source_ref.map(|it| it.json());
        self.refuse(self.handlers.find(&envelope.message_type), source_ref, &nack, caller, None)
    }

    /// The session that a token speaks for, for whoever asks without a message.
    pub fn session(
        &self,
        caller: &Caller,
        token: &str,
        now: Millis,
    ) -> Result<Arc<Presence>, Nack> {
        let session = self.by_token(caller, None, token, now)?;
        self.still_on(session, now)
    }

    fn decode<'a>(&self, frame: &'a str) -> Result<Envelope<'a>, Nack> {
        let depth = self.node.settings().server.limits.json_depth;
        Envelope::decode(frame, depth).map_err(|malformed| malformed.nack())
    }

    #[expect(clippy::type_complexity, reason = "the parts of a call, used once")]
    fn prepare(
        &self,
        caller: &Caller,
        frame: &str,
        now: Millis,
    ) -> Result<(&'static Handler, Root, Option<String>, Option<Arc<Presence>>), Reply> {
        let refuse =
            |row, source_ref, nack: &Nack| self.refuse(row, source_ref, nack, caller, None);
        let source_ref = || protocol::envelope::source_ref_of(frame);
        let envelope = self.decode(frame).map_err(|nack| refuse(None, source_ref(), &nack))?;
        let source_ref = envelope.source_ref.map(|it| it.json());
        let row = self
            .handlers
            .find(&envelope.message_type)
            .ok_or_else(|| refuse(None, source_ref, &unknown(&envelope.message_type)))?;
        let speaker = self.speaker(caller, None, &envelope, now);
        self.permit(row, &envelope, &speaker).map_err(|nack| {
            let session = speaker.as_ref().ok();
            let user = session.map(|session| &session.user_name);
            self.note(row, caller, user, &nack);
            let refused = self.refuse(Some(row), source_ref, &nack, caller, user);
            Reply { bind: unbound(caller, session), ..refused }
        })?;
        let session = speaker.ok();
        if let Some(session) = &session {
            session.live(now);
            if row.activity {
                session.touch(now);
            }
        }
        let root = Root {
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
    fn speaker(
        &self,
        caller: &Caller,
        known: Option<&mut KnownToken>,
        envelope: &Envelope<'_>,
        now: Millis,
    ) -> Result<Arc<Presence>, Nack> {
        let session = match &envelope.session_auth_token {
            Some(token) => self.by_token(caller, known, token, now),
            None => caller.bound.clone().ok_or_else(no_session),
        };
        session.and_then(|session| self.still_on(session, now))
    }

    /// Whether the row lets him.
    fn permit(
        &self,
        row: &Handler,
        envelope: &Envelope<'_>,
        speaker: &Result<Arc<Presence>, Nack>,
    ) -> Result<(), Nack> {
        if envelope.validate && !row.entity {
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
        if row.access == Access::HalfLogin && speaker.is_err() {
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

    fn by_token(
        &self,
        caller: &Caller,
        known: Option<&mut KnownToken>,
        token: &str,
        now: Millis,
    ) -> Result<Arc<Presence>, Nack> {
        if let (Some(bound), Some(known)) = (&caller.bound, &known)
            && known.is(token, bound.epoch())
        {
            return Ok(bound.clone());
        }
        let hash = TokenHash(crate::auth::token_hash(token));
        let found = self.node.replica.read(|realm, _| {
            let session = realm.session_by_token(now, &hash)?;
            let user = realm.user(session.user)?;
            let current = session.token == hash;
            let presences = &self.node.replica.presences;
            let presence = presences.of(session, &user.name);
            Some((presence, current))
        });
        let (presence, current) = found.ok_or_else(no_session)?;
        // The former token of a refreshed session dies with its grace: it is looked up every time.
        let mine = caller.bound.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &presence));
        if let Some(known) = known.filter(|_| current && mine) {
            known.learn(token, presence.epoch());
        }
        Ok(presence)
    }

    /// Expiry is enforced at use, not only by the sweep.
    fn still_on(&self, session: Arc<Presence>, now: Millis) -> Result<Arc<Presence>, Nack> {
        let over = || Nack::new(NackCode::SessionExpired, "the session is over; log in again");
        if session.is_over() {
            return Err(over());
        }
        let idle_ms = self.node.settings().security.session_timeout_ms();
        let touched = session.touched();
        let (until, reason, unless_after) = match session.ends() {
            Some(ends) => (ends, EndReason::Expired, None),
            None => (touched.saturating_add(idle_ms), EndReason::Idle, Some(touched)),
        };
        if now < until {
            return Ok(session);
        }
        // One command is enough, however many messages find it so.
        if session.begin_end() {
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
    fn acknowledge(&self, row: &Handler, source_ref: Option<&str>, body: String) -> String {
        let generic = row.entity && self.node.settings().server.ack_naming == AckNaming::Generic;
        let name = if generic { "EVENT_ACK" } else { row.ack };
        // The body was encoded with the row's own name and without SOURCE_REF.
        let rest = body.get(r#"{"MESSAGE_TYPE":"""#.len() + row.ack.len()..).unwrap_or("}");
        let mut frame = Vec::with_capacity(body.len() + 64);
        protocol::envelope::write_head(&mut frame, name, source_ref);
        frame.extend_from_slice(rest.as_bytes());
        String::from_utf8(frame).unwrap_or_default()
    }

    /// Refusals that no command was made of go into the audit trail, too.
    fn note(&self, row: &Handler, caller: &Caller, user: Option<&UserName>, nack: &Nack) {
        let gets_in = row.access == Access::Anyone;
        self.node.notes.note(row.name, gets_in, caller.address, user, nack.code());
    }

    fn refuse(
        &self,
        row: Option<&Handler>,
        source_ref: Option<&str>,
        nack: &Nack,
        caller: &Caller,
        user: Option<&UserName>,
    ) -> Reply {
        let legacy = self.node.settings().server.nack_naming == NackNaming::Legacy;
        let name = row.map_or("MSG_NACK", |row| if legacy { row.legacy_nack } else { row.nack });
        let bound = || caller.bound.as_ref().map(|session| &session.user_name);
        let user = user.or_else(bound).map(UserName::as_str);
        metrics::refused(row.map(|row| row.name), nack.code());
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
fn unbound(caller: &Caller, session: Option<&Arc<Presence>>) -> Option<Arc<Presence>> {
    session.filter(|_| caller.bound.is_none() && caller.outbox.is_some()).cloned()
}

/// One line for each login and each administration.
fn told(row: &Handler, caller: &Caller, user: Option<&UserName>) {
    if row.told {
        let (user, address) = (user.map(UserName::as_str), caller.address);
        tracing::info!(message_type = row.name, code = "OK", user, %address, "done");
    }
}
