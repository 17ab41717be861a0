//! The message context: what a handler may use, and the side effects of a message.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use protocol::{Nack, NackCode, OwnedEnvelope, RefreshToken, SessionToken, UserName};
use serde::Serialize;
use serde_json::Value;

use super::errors;
use crate::auth::HashUnavailable;
use crate::gateway::Gateway;
use crate::platform::refusal_line;
use crate::realm::{Actor, Command, Millis, Origin, Outcome, Realm, Refusal, SessionKind};
use crate::replication::SubmitError;
use crate::sessions::LiveSession;
use crate::subscriptions::Outbox;

/// Address, connection and session of the client that sent a message.
#[derive(Clone)]
pub struct ClientInfo {
    /// The IP address of the client.
    pub address: IpAddr,
    /// The outbox of the connection; `None` over REST.
    pub outbox: Option<Arc<Outbox>>,
    /// The session to which the connection is bound; `None` if it is not bound.
    pub session: Option<Arc<LiveSession>>,
    /// When the connection was opened, epoch ms. Over REST: when the request was received.
    pub connected_at: Millis,
    /// Whether the message was received over a route of the token API. If such a message opens a
    /// session, the session ends at a fixed time.
    pub token_api: bool,
}

impl ClientInfo {
    /// Returns a client over REST.
    pub fn rest(address: IpAddr, now: Millis) -> Self {
        Self { address, outbox: None, session: None, connected_at: now, token_api: false }
    }

    /// Returns a client on a WebSocket connection that is not bound to a session yet.
    pub fn websocket(address: IpAddr, outbox: Arc<Outbox>, now: Millis) -> Self {
        Self { outbox: Some(outbox), ..Self::rest(address, now) }
    }

    /// Returns the kind of session that a login of this client opens.
    pub fn session_kind(&self) -> SessionKind {
        if self.token_api { SessionKind::Token } else { SessionKind::Interactive }
    }
}

/// The effect of a reply on its connection, after the reply is written.
#[derive(Debug, Default)]
pub enum AfterReply {
    /// No effect.
    #[default]
    None,
    /// The subscription with this id, of this session, begins to send rows.
    ReleaseSubscription(u64, Arc<LiveSession>),
    /// No reply is sent, because the rows of the subscription are the whole answer.
    NoReply,
}

/// The context of one message that is being served.
pub struct MessageContext {
    /// The gateway that serves the message.
    pub gateway: Arc<Gateway>,
    /// The client that sent the message.
    pub client: ClientInfo,
    /// The authenticated session; `None` without one.
    pub session: Option<Arc<LiveSession>>,
    /// MESSAGE_TYPE.
    pub event: &'static str,
    /// MESSAGE_TYPE of the ack.
    pub ack_type: &'static str,
    /// When the gateway began to serve the message, epoch ms.
    pub now: Millis,
    /// The envelope, without MESSAGE_TYPE.
    pub envelope: OwnedEnvelope,
    /// Side effects, collected while the message is served.
    pub side_effects: Mutex<SideEffects>,
}

/// Effects of serving a message, apart from the ack or NACK.
#[derive(Default)]
pub struct SideEffects {
    /// The effect of the reply on the connection.
    pub after_reply: AfterReply,
    /// The session to bind the connection to; `None` if the binding does not change.
    pub bind: Option<Arc<LiveSession>>,
    /// The user that the message concerns, for log and audit trail. `None` means the user of the
    /// session.
    pub audited_user: Option<UserName>,
    /// The name of the user or record that the message is about, for the audit trail, if no command
    /// is submitted.
    pub audited_target: Option<Box<str>>,
    /// Whether a command was submitted. If so, the outcome is in the audit rows of the command and
    /// not in the refusal log.
    pub has_submitted: bool,
    /// The tokens that a login or refresh issued; `None` if no tokens were issued.
    pub login: Option<IssuedTokens>,
}

/// The tokens that a login or refresh issued. They are secret.
#[derive(Debug)]
pub struct IssuedTokens {
    /// SESSION_AUTH_TOKEN.
    pub session_auth_token: SessionToken,
    /// REFRESH_AUTH_TOKEN.
    pub refresh_auth_token: RefreshToken,
    /// SESSION_ID.
    pub session_id: String,
}

/// An encoded ack, in the form that the transport needs.
pub enum AckBody {
    /// The whole frame, UTF-8.
    Frame(Vec<u8>),
    /// The root object as JSON, for a client of the token API.
    Value(Value),
}

impl MessageContext {
    /// Makes a context without side effects.
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

    /// Reads the realm.
    pub fn read<T>(&self, query: impl FnOnce(&Realm) -> T) -> T {
        self.gateway.replica.read(|realm, _| query(realm))
    }

    /// Appends a command and waits for its outcome. A refusal is returned as a NACK, so `Ok`
    /// contains only outcomes of accepted commands.
    pub async fn submit(&self, command: Command) -> Result<Outcome, Nack> {
        match self.submit_raw(command).await? {
            Outcome::Refused(refusal) => Err(self.nack(refusal)),
            outcome => Ok(outcome),
        }
    }

    /// Like [`Self::submit`], but returns a refusal as an outcome, for messages that treat some
    /// refusals specially.
    pub async fn submit_raw(&self, command: Command) -> Result<Outcome, Nack> {
        self.side_effects.lock().has_submitted = true;
        let origin = Origin {
            event: self.event.into(),
            host: self.client.address.to_string().into(),
            // Without a session, anyone could write any text into the audit trail.
            reason: self.session.as_ref().and(self.envelope.reason.as_deref()).map(Into::into),
        };
        let submitted = self.gateway.replica.submit_from(command, Some(origin)).await;
        if self.gateway.settings().security.notices.is_some() {
            // The command may have queued a notice.
            self.gateway.mail_wakeup.notify_one();
        }
        submitted.map_err(|error| match error {
            SubmitError::NotStored(why) => {
                refusal_line!(WARN, Some(self.client.address), why, "storing a command failed");
                Nack::new(
                    NackCode::Unavailable,
                    "the gateway cannot store changes now; nothing was changed; try again later",
                )
            }
            SubmitError::Unknown => Nack::new(
                NackCode::OperationTimeout,
                "the outcome is unknown: the change may have been made; check before you try again",
            ),
        })
    }

    /// Returns the NACK for a refusal of the realm.
    pub fn nack(&self, refusal: Refusal) -> Nack {
        errors::nack(&self.gateway, self.now, refusal)
    }

    /// Returns the session. It is present for every handler whose
    /// [`crate::messages::handler::Access`] requires one.
    pub fn session(&self) -> Result<&Arc<LiveSession>, Nack> {
        self.session.as_ref().ok_or_else(no_session)
    }

    /// Returns the session as the actor of a command.
    pub fn actor(&self) -> Result<Actor, Nack> {
        Ok(Actor::Session(self.session()?.session))
    }

    /// In hardened mode, checks that the password was proved recently for the session.
    pub fn require_recent_proof(&self) -> Result<(), Nack> {
        let session = self.session()?.session;
        let is_proved = self.read(|realm| {
            let policy = realm.policy();
            let session = realm.session(session);
            !policy.reauthentication_for_all
                || session.is_some_and(|it| it.is_recently_proved(self.now, policy))
        });
        if is_proved { Ok(()) } else { Err(self.nack(Refusal::ReauthenticationRequired)) }
    }

    /// Returns the outbox of the connection, which subscriptions need; a NACK if there is none.
    pub fn outbox(&self) -> Result<&Arc<Outbox>, Nack> {
        let none =
            || Nack::new(NackCode::InvalidMessage, "this message requires a WebSocket connection");
        self.client.outbox.as_ref().ok_or_else(none)
    }

    /// Sets the effect of the reply on its connection.
    pub fn set_after_reply(&self, effect: AfterReply) {
        self.side_effects.lock().after_reply = effect;
    }

    /// Binds the connection to this session after the message is served.
    pub fn bind(&self, session: Arc<LiveSession>) {
        self.side_effects.lock().bind = Some(session);
    }

    /// Sets the user that the message concerns, for log and audit trail. Messages such as a login
    /// have no session that could provide the user.
    pub fn set_audited_user(&self, name: &UserName) {
        self.side_effects.lock().audited_user = Some(name.clone());
    }

    /// Sets the name of the user or record that the message is about, for the audit trail. Needed
    /// only if no command may be submitted: a command names its target.
    pub fn set_audited_target(&self, name: Option<String>) {
        self.side_effects.lock().audited_target = name.map(Into::into);
    }

    /// Sets the tokens that this login or refresh issued.
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
            tracing::error!(message_type = self.event, error, "encoding an ack failed");
            errors::internal_error(self.event)
        })
    }

    /// Returns the NACK for a password that could not be hashed in time.
    pub fn hash_unavailable(&self, error: HashUnavailable) -> Nack {
        Nack::too_many(
            "too many logins and password changes at once; try again later",
            error.retry_after_ms,
        )
    }

    /// Counts a failed login of the client network. For attempts that are refused beyond the limit,
    /// use `Attempt` instead.
    pub fn record_failure(&self) {
        let limits = &self.gateway.settings().server.limits;
        self.gateway.failure_limiter.record_failure(limits, self.client.address, self.now);
    }
}

/// Returns the NACK for a message that requires a session and has none.
pub fn no_session() -> Nack {
    Nack::new(NackCode::SessionNotFound, "this message requires a session; log in first")
}
