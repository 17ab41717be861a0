//! Handlers: what the table states of each message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::{Envelope, Nack};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::context::{AckBody, ClientInfo, MessageContext};
use super::details;
use super::errors::internal_error;
use crate::gateway::Gateway;
use crate::platform::Histogram;
use crate::realm::Millis;
use crate::sessions::LiveSession;
/// Who may send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, also before the login.
    Anyone,
    /// Whoever has a session, or in DETAILS the token of a login that waits for its second factor.
    PendingLogin,
    /// Whoever has a session.
    Session,
    /// Whoever has a session and this right now.
    Right(&'static str),
    /// As [`Access::Right`]; for oneself a session is enough. Whom it is about stands in DETAILS,
    /// so the message makes sure of it.
    RightOrSelf(&'static str),
}

/// Whether a message waits for the ones before it on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It takes effect after those that came before it.
    Queued,
    /// It may overtake them: it changes nothing that they could see.
    Immediate,
}

/// One kind of message: what it asks and what it answers.
pub trait Message: DeserializeOwned + JsonSchema + Send + 'static {
    /// MESSAGE_TYPE.
    const TYPE: &'static str;
    /// MESSAGE_TYPE of the answer.
    const ACK: &'static str;
    /// MESSAGE_TYPE of the refusal.
    const NACK: &'static str;
    /// The refusal's name in S2's prose, with `nack_naming = "legacy"`.
    const LEGACY_NACK: &'static str = Self::NACK;
    /// Other names under which it is known.
    const ALIASES: &'static [&'static str] = &[];
    /// Who may send it.
    const ACCESS: Access;
    /// Whether it keeps a session from idling out.
    const COUNTS_AS_USE: bool = true;
    /// Whether it changes nothing, so that GET is another way to ask it over REST.
    const READ: bool = false;
    /// Whether it changes records: its ack may be called EVENT_ACK, and it is told in the log.
    const RECORD_EVENT: bool = false;
    /// Whether a null clears a field; otherwise nulls mean absent.
    const NULL_CLEARS: bool = false;
    /// Whether its success is told in the log too.
    const LOGGED: bool = Self::RECORD_EVENT;
    /// The root of the answer, without MESSAGE_TYPE and SOURCE_REF.
    type Ack: Serialize + JsonSchema;

    /// Serves one.
    fn serve(
        self,
        context: &MessageContext,
    ) -> impl Future<Output = Result<Self::Ack, Nack>> + Send;
}

/// A message that is answered at once, without waiting and without a lock shared between sockets.
pub trait ImmediateMessage: JsonSchema + 'static {
    /// MESSAGE_TYPE.
    const TYPE: &'static str;
    /// MESSAGE_TYPE of the answer.
    const ACK: &'static str;
    /// MESSAGE_TYPE of the refusal.
    const NACK: &'static str;
    /// Who may send it.
    const ACCESS: Access;
    /// The fields that DETAILS may have.
    const FIELDS: &'static [&'static str] = &[];
    /// The root of the answer.
    type Ack: Serialize + JsonSchema;

    /// Answers one.
    fn answer(context: &ImmediateContext<'_>) -> Result<Self::Ack, Nack>;
}

/// What an immediate message may look at.
pub struct ImmediateContext<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// Who asks.
    pub client: &'a ClientInfo,
    /// For which session.
    pub session: Option<&'a Arc<LiveSession>>,
    /// In which words.
    pub envelope: &'a Envelope<'a>,
    /// When.
    pub now: Millis,
    /// Every message of this gateway.
    pub handlers: &'static [Handler],
}

impl ImmediateContext<'_> {
    /// The handlers of the messages that this session may send now.
    pub(super) fn permitted_handlers(&self) -> impl Iterator<Item = &'static Handler> {
        self.handlers.iter().filter(|handler| match handler.access {
            Access::Right(right) => self.has_right(right),
            Access::Anyone | Access::PendingLogin | Access::Session | Access::RightOrSelf(_) => {
                true
            }
        })
    }

    /// Whether the user of this session has a right now.
    pub(super) fn has_right(&self, right: &str) -> bool {
        self.session.is_some_and(|session| {
            self.gateway.replica.read(|realm, _| realm.holds_code(session.user, right))
        })
    }
}

type ServeFuture<'a> = Pin<Box<dyn Future<Output = Result<AckBody, Nack>> + Send + 'a>>;

/// Serves a queued message.
pub type ServeFn = for<'a> fn(&'a MessageContext) -> ServeFuture<'a>;

/// Writes the ack of an immediate message.
pub type AnswerFn = fn(&ImmediateContext<'_>, Option<&str>, &mut Vec<u8>) -> Result<(), Nack>;

/// How a handler serves: typed in, erased out.
pub enum Serve {
    /// In its turn.
    Queued(ServeFn),
    /// At once: the ack, with this SOURCE_REF, is written to the end of what is to be sent.
    Immediate(AnswerFn),
}

/// One handler of the table.
#[expect(missing_docs, reason = "the columns are the constants of `Message`")]
pub struct Handler {
    pub name: &'static str,
    pub ack: &'static str,
    pub nack: &'static str,
    pub legacy_nack: &'static str,
    pub aliases: &'static [&'static str],
    pub access: Access,
    pub order: Order,
    pub counts_as_use: bool,
    pub read: bool,
    pub record_event: bool,
    pub logged: bool,
    pub serve: Serve,
    /// The histogram of its times, looked up once.
    pub timings: Histogram,
    /// JSON Schemas of DETAILS and of the ack.
    pub schemas: fn() -> (Schema, Schema),
}

impl Handler {
    /// The handler of a message that is served in its turn.
    pub(super) const fn queued<M: Message>() -> Self {
        Self {
            name: M::TYPE,
            ack: M::ACK,
            nack: M::NACK,
            legacy_nack: M::LEGACY_NACK,
            aliases: M::ALIASES,
            access: M::ACCESS,
            order: Order::Queued,
            counts_as_use: M::COUNTS_AS_USE,
            read: M::READ,
            record_event: M::RECORD_EVENT,
            logged: M::LOGGED,
            serve: Serve::Queued(serve::<M>),
            timings: Histogram::new(),
            schemas: || (schemars::schema_for!(M), schemars::schema_for!(M::Ack)),
        }
    }

    /// The handler of a message that is answered at once and keeps no session from idling out.
    pub(super) const fn immediate<P: ImmediateMessage>() -> Self {
        Self {
            name: P::TYPE,
            ack: P::ACK,
            nack: P::NACK,
            legacy_nack: P::NACK,
            aliases: &[],
            access: P::ACCESS,
            order: Order::Immediate,
            counts_as_use: false,
            read: true,
            record_event: false,
            logged: false,
            serve: Serve::Immediate(answer::<P>),
            timings: Histogram::new(),
            schemas: || (schemars::schema_for!(P), schemars::schema_for!(P::Ack)),
        }
    }
}

fn serve<M: Message>(context: &MessageContext) -> ServeFuture<'_> {
    Box::pin(async move {
        let details = context.envelope.details.as_deref().map(RawValue::get);
        let message: M = details::decode(details, M::NULL_CLEARS)?;
        let ack = message.serve(context).await?;
        context.encode_ack(&ack)
    })
}

fn answer<P: ImmediateMessage>(
    context: &ImmediateContext<'_>,
    source_ref: Option<&str>,
    out: &mut Vec<u8>,
) -> Result<(), Nack> {
    details::reject_unknown_fields(
        context.envelope.details.map(|details| details.get()),
        P::FIELDS,
    )?;
    let ack = P::answer(context)?;
    protocol::envelope::encode_into(out, P::ACK, source_ref, &ack).map_err(|error| {
        tracing::error!(%error, "an ack cannot be encoded");
        internal_error(P::TYPE)
    })
}
