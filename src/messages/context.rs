//! The message context: what one message may touch — client, realm, log, environment — and what
//! its answer does to the socket.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use protocol::{Nack, NackCode, OwnedEnvelope, RefreshToken, SessionToken, UserName};
use serde::Serialize;
use serde_json::Value;

use super::errors;
use crate::auth::QueueFull;
use crate::gateway::Gateway;
use crate::realm::{Actor, Command, Millis, Origin, Outcome, Realm, Refusal, SessionKind};
use crate::replication::SubmitError;
use crate::sessions::LiveSession;
use crate::subscriptions::Outbox;
/// Who sent a message, as the transport knows it.
#[derive(Clone)]
pub struct ClientInfo {
    /// From where.
    pub address: IpAddr,
    /// The outbox of its connection; none over REST.
    pub outbox: Option<Arc<Outbox>>,
    /// The session to which the connection is bound.
    pub session: Option<Arc<LiveSession>>,
    /// When the connection was opened, epoch ms.
    pub connected_at: Millis,
    /// Whether it came by a route of S1: its sessions end at a fixed time.
    pub token_api: bool,
}

impl ClientInfo {
    /// Over REST.
    pub fn rest(address: IpAddr, now: Millis) -> Self {
        Self { address, outbox: None, session: None, connected_at: now, token_api: false }
    }

    /// On a socket that is bound to no session yet.
    pub fn websocket(address: IpAddr, outbox: Arc<Outbox>, now: Millis) -> Self {
        Self { outbox: Some(outbox), ..Self::rest(address, now) }
    }

    /// What its logins open.
    pub fn session_kind(&self) -> SessionKind {
        if self.token_api { SessionKind::Token } else { SessionKind::Interactive }
    }
}

/// What an answer does to its connection, once it is written.
#[derive(Debug, Default)]
pub enum AfterReply {
    /// Nothing.
    #[default]
    None,
    /// This subscription of this session may send its rows.
    ReleaseSubscription(u64, Arc<LiveSession>),
    /// The rows that were sent are the whole answer.
    NoReply,
}

/// One message being served.
pub struct MessageContext {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Who sent it.
    pub client: ClientInfo,
    /// The session that it speaks for, if any.
    pub session: Option<Arc<LiveSession>>,
    /// MESSAGE_TYPE.
    pub event: &'static str,
    /// MESSAGE_TYPE of the ack.
    pub ack_type: &'static str,
    /// When it came.
    pub now: Millis,
    /// The other fields of its envelope.
    pub envelope: OwnedEnvelope,
    /// What the reply does beside being sent.
    pub side_effects: Mutex<SideEffects>,
}

/// What an answer does beside being sent.
#[derive(Default)]
pub struct SideEffects {
    /// What it does to its connection.
    pub after_reply: AfterReply,
    /// The session to which the connection belongs from now on.
    pub bind: Option<Arc<LiveSession>>,
    /// Whom it was about.
    pub audited_user: Option<UserName>,
    /// A command was made of it: the audit trail knows of it.
    pub has_submitted: bool,
    /// The tokens that a login issued.
    pub login: Option<IssuedTokens>,
}

/// The tokens that a login issued; secrets.
#[derive(Debug)]
pub struct IssuedTokens {
    /// SESSION_AUTH_TOKEN.
    pub session_auth_token: SessionToken,
    /// REFRESH_AUTH_TOKEN.
    pub refresh_auth_token: RefreshToken,
    /// SESSION_ID.
    pub session_id: String,
}

/// An ack as the transport needs it.
pub enum AckBody {
    /// The whole frame, UTF-8.
    Frame(Vec<u8>),
    /// The members of its root, for a client of the token API.
    Value(Value),
}

impl MessageContext {
    /// A context whose answer has no effect yet.
    pub fn new(
        gateway: Arc<Gateway>,
        client: ClientInfo,
        session: Option<Arc<LiveSession>>,
        (event, ack_type): (&'static str, &'static str),
        now: Millis,
        envelope: OwnedEnvelope,
    ) -> Self {
        let side_effects = Mutex::default();
        Self { gateway, client, session, event, ack_type, now, envelope, side_effects }
    }

    /// Looks at the realm.
    pub fn read<T>(&self, query: impl FnOnce(&Realm) -> T) -> T {
        self.gateway.replica.read(|realm, _| query(realm))
    }

    /// Appends a command and waits for its outcome. A refusal is its NACK, so that the outcome is
    /// one of those that the command has when it is accepted.
    pub async fn submit(&self, command: Command) -> Result<Outcome, Nack> {
        match self.submit_raw(command).await? {
            Outcome::Refused(refusal) => Err(self.nack(refusal)),
            outcome => Ok(outcome),
        }
    }

    /// As [`Self::submit`], for a message that handles some refusals itself.
    pub async fn submit_raw(&self, command: Command) -> Result<Outcome, Nack> {
        self.side_effects.lock().has_submitted = true;
        let origin = Origin {
            event: self.event.into(),
            host: self.client.address.to_string().into(),
            reason: self.envelope.reason.as_deref().map(Into::into),
        };
        let submitted = self.gateway.replica.submit_from(command, Some(origin)).await;
        submitted.map_err(|error| match error {
            SubmitError::NotStored(why) => {
                tracing::warn!(why, "a command was not stored");
                Nack::new(
                    NackCode::Unavailable,
                    "the gateway cannot store changes now; nothing was changed",
                )
            }
            SubmitError::Unknown => Nack::new(
                NackCode::OperationTimeout,
                "the outcome is unknown: it may have been done; look before you try again",
            ),
        })
    }

    /// The NACK for a refusal of the realm.
    pub fn nack(&self, refusal: Refusal) -> Nack {
        errors::nack(&self.gateway, self.now, refusal)
    }

    /// The session that must be there: [`crate::messages::handler::Access`] made sure of it.
    pub fn session(&self) -> Result<&Arc<LiveSession>, Nack> {
        self.session.as_ref().ok_or_else(no_session)
    }

    /// On whose behalf a command is made.
    pub fn actor(&self) -> Result<Actor, Nack> {
        Ok(Actor::Session(self.session()?.session))
    }

    /// The connection's outbox; data sources need one.
    pub fn outbox(&self) -> Result<&Arc<Outbox>, Nack> {
        let none = || Nack::new(NackCode::InvalidMessage, "this message needs a WebSocket");
        self.client.outbox.as_ref().ok_or_else(none)
    }

    /// The effect of the answer.
    pub fn set_after_reply(&self, effect: AfterReply) {
        self.side_effects.lock().after_reply = effect;
    }

    /// The connection belongs to this session from now on.
    pub fn bind(&self, session: Arc<LiveSession>) {
        self.side_effects.lock().bind = Some(session);
    }

    /// Whom the message is about, for the log: a login has no session yet.
    pub fn set_audited_user(&self, name: &UserName) {
        self.side_effects.lock().audited_user = Some(name.clone());
    }

    /// The tokens that this login issued.
    pub fn set_issued_tokens(&self, tokens: IssuedTokens) {
        self.side_effects.lock().login = Some(tokens);
    }

    /// Encodes the ack: as a frame, or as a value for a client of the token API.
    pub fn encode_ack(&self, ack: &impl Serialize) -> Result<AckBody, Nack> {
        let encoded = if self.client.token_api {
            serde_json::to_value(ack).map(AckBody::Value).map_err(|error| error.to_string())
        } else {
            protocol::envelope::encode(self.ack_type, self.envelope.source_ref(), ack)
                .map(AckBody::Frame)
                .map_err(|error| error.to_string())
        };
        encoded.map_err(|error| {
            tracing::error!(error, "an ack cannot be encoded");
            errors::internal_error(self.event)
        })
    }

    /// The refusal when the hash queue is full.
    pub fn hash_queue_full(&self, busy: QueueFull) -> Nack {
        Nack::too_many("too many logins at once; try again later", busy.retry_after_ms)
    }

    /// Whether this address may fail another login.
    pub fn check_failure_limit(&self) -> Result<(), Nack> {
        let limits = &self.gateway.settings().server.limits;
        let admitted = self.gateway.failure_limiter.check(limits, self.client.address, self.now);
        admitted.map_err(|wait| Nack::too_many("too many failed logins from this address", wait))
    }

    /// A login from this address failed.
    pub fn record_failure(&self) {
        let limits = &self.gateway.settings().server.limits;
        self.gateway.failure_limiter.record_failure(limits, self.client.address, self.now);
    }
}

/// No session: what to do about it.
pub fn no_session() -> Nack {
    Nack::new(NackCode::SessionNotFound, "no session belongs to this message; log in first")
}
