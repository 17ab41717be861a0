//! Handlers: the properties and functions of each message type, for the handler table.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::{Envelope, Nack};
use schemars::generate::SchemaSettings;
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
    /// Every client, also before a login.
    Anyone,
    /// A client with a session, or with the token of a pending login in DETAILS. The token is
    /// checked in `Message::serve`.
    PendingLogin,
    /// A client with a session.
    Session,
    /// A client with a session whose user has this right when the message is served.
    Right(&'static str),
    /// Like [`Access::Right`], but no right is required if the message concerns the user of the
    /// session. `Realm::plan` checks the right, because only DETAILS names the user.
    RightOrSelf(&'static str),
    /// Like [`Access::Right`], but like [`Access::Anyone`] if the configuration lets every client
    /// send the message. `Message::serve` checks the configuration and the right.
    RightUnlessOpen(&'static str),
}

/// Whether a message waits for earlier messages of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The message takes effect after all earlier messages.
    Queued,
    /// The message may overtake earlier messages, because it changes nothing.
    Immediate,
}

/// A message type. The struct that implements this trait has the fields of DETAILS. The constants
/// are the properties of the message type.
pub trait Message: DeserializeOwned + JsonSchema + Send + 'static {
    /// MESSAGE_TYPE.
    const TYPE: &'static str;
    /// What the message does, in one sentence that begins with a verb: "Creates a user."
    const SUMMARY: &'static str;
    /// Effects, conditions and limits that the summary and the fields do not state; may be empty.
    const DESCRIPTION: &'static str = "";
    /// MESSAGE_TYPE of the ack.
    const ACK: &'static str;
    /// MESSAGE_TYPE of the NACK.
    const NACK: &'static str;
    /// MESSAGE_TYPE of the NACK with `server.nack_naming = "legacy"`: the name in the Genesis
    /// documentation.
    const LEGACY_NACK: &'static str = Self::NACK;
    /// Other accepted values of MESSAGE_TYPE.
    const ALIASES: &'static [&'static str] = &[];
    /// Who may send the message.
    const ACCESS: Access;
    /// Whether the message counts as use of the session. Each use restarts the session timeout.
    const COUNTS_AS_USE: bool = true;
    /// Whether the message changes nothing, so that REST also accepts it by GET.
    const READ: bool = false;
    /// Whether the message changes records. If so, VALIDATE is supported, the ack is called
    /// EVENT_ACK with `ack_naming = "generic"`, and success is logged by default.
    const RECORD_EVENT: bool = false;
    /// Whether null clears a field. If false, null counts as absent.
    const NULL_CLEARS: bool = false;
    /// Whether the message is a login. Over REST, the header REFRESH_AUTH_TOKEN can then set the
    /// field of this name.
    const LOGIN: bool = false;
    /// Whether USER_NAME at the root may name another user than that of the session.
    const ANY_ROOT_USER: bool = Self::LOGIN;
    /// Whether success is logged. Refusals are always logged.
    const LOGGED: bool = Self::RECORD_EVENT;
    /// The root of the ack, without MESSAGE_TYPE and SOURCE_REF.
    type Ack: Serialize + JsonSchema;

    /// Serves a message.
    fn serve(
        self,
        context: &MessageContext,
    ) -> impl Future<Output = Result<Self::Ack, Nack>> + Send;
}

/// A message that is answered at once, ahead of queued messages. [`Self::answer`] must not block,
/// because it runs on the task of the connection.
pub trait ImmediateMessage: JsonSchema + 'static {
    /// MESSAGE_TYPE.
    const TYPE: &'static str;
    /// What the message does, in one sentence that begins with a verb: "Returns one user."
    const SUMMARY: &'static str;
    /// Effects, conditions and limits that the summary and the fields do not state; may be empty.
    const DESCRIPTION: &'static str = "";
    /// MESSAGE_TYPE of the ack.
    const ACK: &'static str;
    /// MESSAGE_TYPE of the NACK.
    const NACK: &'static str;
    /// Who may send the message.
    const ACCESS: Access;
    /// The fields that DETAILS may contain.
    const FIELDS: &'static [&'static str] = &[];
    /// The root of the ack, without MESSAGE_TYPE and SOURCE_REF.
    type Ack: Serialize + JsonSchema;

    /// Answers a message.
    fn answer(context: &ImmediateContext<'_>) -> Result<Self::Ack, Nack>;
}

/// The data that `ImmediateMessage::answer` may use.
pub struct ImmediateContext<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// The client that sent the message.
    pub client: &'a ClientInfo,
    /// The authenticated session; `None` without one.
    pub session: Option<&'a Arc<LiveSession>>,
    /// The decoded envelope.
    pub envelope: &'a Envelope<'a>,
    /// The current time, epoch ms.
    pub now: Millis,
    /// All handlers of this gateway, in the order of the handler table.
    pub handlers: &'static [Handler],
}

impl ImmediateContext<'_> {
    /// Returns the handlers of the messages that this session may send now, including those whose
    /// access depends on DETAILS.
    pub(super) fn permitted_handlers(&self) -> impl Iterator<Item = &'static Handler> {
        self.handlers.iter().filter(|handler| match handler.access {
            Access::Right(right) => self.has_right(right),
            Access::Anyone
            | Access::PendingLogin
            | Access::Session
            | Access::RightOrSelf(_)
            | Access::RightUnlessOpen(_) => true,
        })
    }

    /// Whether the user of this session has this right at this moment.
    pub(super) fn has_right(&self, right: &str) -> bool {
        self.session.is_some_and(|session| {
            self.gateway.replica.read(|realm, _| realm.holds_code(session.user, right))
        })
    }
}

type ServeFuture<'a> = Pin<Box<dyn Future<Output = Result<AckBody, Nack>> + Send + 'a>>;

/// The function that serves a queued message.
pub type ServeFn = for<'a> fn(&'a MessageContext) -> ServeFuture<'a>;

/// The function that answers an immediate message: it appends the ack, with this SOURCE_REF, to the
/// buffer.
pub type AnswerFn = fn(&ImmediateContext<'_>, Option<&str>, &mut Vec<u8>) -> Result<(), Nack>;

/// The function that serves or answers the messages of a handler.
pub enum Serve {
    /// Serves the message after all earlier messages of the connection.
    Queued(ServeFn),
    /// Answers at once, into the buffer of the connection.
    Immediate(AnswerFn),
}

/// A handler: one row of the handler table.
#[expect(missing_docs, reason = "the fields are the constants of `Message`")]
pub struct Handler {
    pub name: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub ack: &'static str,
    pub nack: &'static str,
    pub legacy_nack: &'static str,
    pub aliases: &'static [&'static str],
    pub access: Access,
    pub order: Order,
    pub counts_as_use: bool,
    pub read: bool,
    pub record_event: bool,
    pub login: bool,
    pub any_root_user: bool,
    pub logged: bool,
    pub serve: Serve,
    /// How long it took to serve messages of this type.
    pub timings: Histogram,
    /// Returns the JSON Schemas of DETAILS and of the ack.
    pub schemas: fn() -> (Schema, Schema),
    /// Returns the subject of the message: the folder that contains its file, such as `users`.
    pub subject: fn() -> &'static str,
}

impl Handler {
    /// Makes the handler of a queued message.
    pub(super) const fn queued<M: Message>() -> Self {
        Self {
            name: M::TYPE,
            summary: M::SUMMARY,
            description: M::DESCRIPTION,
            ack: M::ACK,
            nack: M::NACK,
            legacy_nack: M::LEGACY_NACK,
            aliases: M::ALIASES,
            access: M::ACCESS,
            order: Order::Queued,
            counts_as_use: M::COUNTS_AS_USE,
            read: M::READ,
            record_event: M::RECORD_EVENT,
            login: M::LOGIN,
            any_root_user: M::ANY_ROOT_USER,
            logged: M::LOGGED,
            serve: Serve::Queued(serve::<M>),
            timings: Histogram::new(),
            schemas: || (schemars::schema_for!(M), ack_schema::<M::Ack>()),
            subject: subject::<M>,
        }
    }

    /// Makes the handler of an immediate message, which does not count as use of the session.
    pub(super) const fn immediate<P: ImmediateMessage>() -> Self {
        Self {
            name: P::TYPE,
            summary: P::SUMMARY,
            description: P::DESCRIPTION,
            ack: P::ACK,
            nack: P::NACK,
            legacy_nack: P::NACK,
            aliases: &[],
            access: P::ACCESS,
            order: Order::Immediate,
            counts_as_use: false,
            read: true,
            record_event: false,
            login: false,
            any_root_user: false,
            logged: false,
            serve: Serve::Immediate(answer::<P>),
            timings: Histogram::new(),
            schemas: || (schemars::schema_for!(P), ack_schema::<P::Ack>()),
            subject: subject::<P>,
        }
    }
}

/// Returns the JSON Schema of an ack: a field is required if it is always sent.
fn ack_schema<A: JsonSchema>() -> Schema {
    let settings = SchemaSettings::default().for_serialize();
    settings.into_generator().into_root_schema_for::<A>()
}

/// Returns the folder below `messages` that defines a message, from the path of the Rust type.
fn subject<M>() -> &'static str {
    let path = std::any::type_name::<M>();
    path.split("::").skip_while(|part| *part != "messages").nth(1).unwrap_or_default()
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
        tracing::error!(message_type = P::TYPE, %error, "encoding an ack failed");
        internal_error(P::TYPE)
    })
}
