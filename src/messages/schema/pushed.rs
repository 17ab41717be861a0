//! The messages that the gateway sends without a request, with their schemas.

use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::messages::login::event_heartbeat;

/// A message that the gateway sends without a request.
pub(super) struct PushedMessage {
    /// MESSAGE_TYPE.
    pub name: &'static str,
    /// What it reports, in one sentence.
    pub summary: &'static str,
    /// When it is sent, and what the client must do.
    pub description: &'static str,
    /// A field that only the pushed form of the message has; `None` if no reply has this
    /// MESSAGE_TYPE, or if the reply has the same form.
    pub mark: Option<&'static str>,
    /// Returns the JSON Schema of its root, without MESSAGE_TYPE and SOURCE_REF.
    pub schema: fn() -> Schema,
}

impl PushedMessage {
    /// Returns the name of this message in AsyncAPI. It differs from MESSAGE_TYPE if a reply of the
    /// same type has another form.
    pub(super) fn key(&self) -> String {
        match self.mark {
            Some(_) => format!("{}.pushed", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// All pushed messages.
pub(super) static PUSHED: [PushedMessage; 6] = [
    PushedMessage {
        name: "QUERY_UPDATE",
        summary: "Rows of a subscription that are new, changed or deleted.",
        description: "SOURCE_REF is that of the DATA_LOGON. Sent after LOGON_ACK with the first \
                      rows, after each MORE_ROWS, and after changes as DATA_LOGON describes. Apply \
                      the rows in the order of ROW.",
        mark: None,
        schema: || schemars::schema_for!(QueryUpdate),
    },
    PushedMessage {
        name: "LOGOFF_ACK",
        summary: "A subscription ended. Reasons: its session ended; the gateway closes the \
                  connection; the connection was bound to another session.",
        description: "SOURCE_REF is that of the DATA_LOGON. Sent for each open subscription before \
                      SESSION_ENDED, or when the connection is bound to another session. Nothing \
                      is sent for the subscription afterwards.",
        mark: Some("LOGGED_OUT"),
        schema: || schemars::schema_for!(LoggedOut),
    },
    PushedMessage {
        name: "SESSION_EXPIRING",
        summary: "The session ends soon, unless it is used or refreshed.",
        description: "Sent to all connections of the session 60 seconds before the end. If the end \
                      would be IDLE and SESSION_TIMEOUT_MINS is less than two minutes, the message \
                      is sent when half of this time has passed. A message that counts as use \
                      prevents the end with IDLE. A session of the token API must be refreshed \
                      instead.",
        mark: None,
        schema: || schemars::schema_for!(SessionExpiring),
    },
    PushedMessage {
        name: "SESSION_ENDED",
        summary: "Why the session or the connection ends; the connection is then closed.",
        description: "It is the last message before the gateway closes a connection. The close \
                      code states the same reason, for clients that miss the message.",
        mark: None,
        schema: || schemars::schema_for!(SessionEnded),
    },
    PushedMessage {
        name: "EVENT_HEARTBEAT_ACK",
        summary: "The list of services has changed.",
        description: "Sent without EVENT_HEARTBEAT and without SOURCE_REF. Use the new list for \
                      the next connection to a service.",
        mark: Some("PUSHED"),
        schema: || schemars::schema_for!(ServicesChanged),
    },
    PushedMessage {
        name: "MSG_NACK",
        summary: "Refusal of a frame that is no envelope or has an unknown MESSAGE_TYPE.",
        description: "SOURCE_REF is that of the frame, if it could be read. The connection stays \
                      open. Over REST, MSG_NACK is also the reply to a request that cannot be \
                      converted to a message.",
        mark: None,
        schema: || schemars::schema_for!(NackBody),
    },
];

/// Rows of a subscription.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct QueryUpdate {
    /// Number of the message within the subscription, from 0, without gaps.
    sequence_id: u64,
    /// Number of elements of ROW; may be 0.
    rows_count: usize,
    /// False: the client has all rows that the user may see and the filter matches. True: the
    /// client does not have all of them yet: either further QUERY_UPDATEs of the same answer
    /// follow, or the message MORE_ROWS requests the next rows. An unnecessary MORE_ROWS does no
    /// harm.
    more_rows: bool,
    /// Only for USER_RIGHTS, if MORE_ROWS is false: version of the rights. DATA_LOGON can resume
    /// the subscription from this version.
    rights_version: Option<u64>,
    /// The changed rows. Apply the changes in this order.
    row: Vec<QueryRow>,
}

/// One row.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct QueryRow {
    /// OPERATION, ROW_REF and the columns of the data source that DATA_LOGON requested.
    details: RowDetails,
}

/// A change of a row.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct RowDetails {
    /// INSERT: the client gets the row; columns without a value are absent. MODIFY: the columns
    /// that are sent have changed; null means that the column has no value now. DELETE: the client
    /// loses the row; no columns are sent.
    operation: Operation,
    /// Identifies the row within the data source. The same in all subscriptions and after restarts,
    /// as long as the row exists.
    row_ref: String,
    /// The columns of the data source that DATA_LOGON requested.
    #[schemars(flatten)]
    columns: serde_json::Map<String, Value>,
}

/// The kind of a change.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
enum Operation {
    Insert,
    Modify,
    Delete,
}

/// The end of a subscription.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct LoggedOut {
    /// Always true; absent in the reply to DATA_LOGOFF.
    logged_out: bool,
}

/// A warning before the end of a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct SessionExpiring {
    /// The remaining time of the session.
    details: ExpiringDetails,
}

/// When the session ends.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct ExpiringDetails {
    /// Seconds until the session ends.
    in_secs: u64,
}

/// The end of a session or a connection.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct SessionEnded {
    /// The reason, and what the client should do.
    details: EndedDetails,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct EndedDetails {
    /// Why the session or the connection ends, such as IDLE. The section "Reasons of
    /// SESSION_ENDED" of the wire reference lists all reasons.
    reason: String,
    /// Who ended the session or the connection: USER if REASON is LOGOUT or PASSWORD_CHANGED,
    /// otherwise SERVER.
    by: EndedBy,
    /// REFRESH: connect and resume the session by REFRESH_AUTH_TOKEN. RECONNECT: connect and
    /// continue with SESSION_AUTH_TOKEN. After REASON LOGIN_WAIT there is no session, so connect
    /// when the user logs in. LOGIN: show the login dialog; with REASON EXPIRED, REFRESH_AUTH_TOKEN
    /// can still be used instead. STOP: do not try again automatically.
    retry: RetryAdvice,
    /// Milliseconds to wait before the client connects again by itself: random, up to 10,000, so
    /// that clients do not return all at once; 0 with STOP. A user who logs in need not wait.
    retry_after_ms: u64,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
enum EndedBy {
    User,
    Server,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
enum RetryAdvice {
    Refresh,
    Reconnect,
    Login,
    Stop,
}

/// A changed list of services.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct ServicesChanged {
    details: ChangedServices,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct ChangedServices {
    /// Always true; absent in the reply to EVENT_HEARTBEAT.
    pushed: bool,
    #[schemars(flatten)]
    services: event_heartbeat::Details,
}

/// A refusal: the body of every NACK.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct NackBody {
    /// CODE of the first error.
    code: String,
    /// TEXT of the first error.
    text: String,
    /// All errors; at least one.
    error: Vec<NackError>,
    /// Only with MFA_FAILED in a NACK of EVENT_LOGIN_AUTH: the token with which EVENT_LOGIN_AUTH
    /// completes this login. Absent after too many wrong codes.
    refresh_auth_token: Option<String>,
}

/// One error.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "only its schema is used")]
struct NackError {
    /// The error code, for programs.
    code: String,
    /// What is wrong, for people. It may change in any version.
    text: String,
    /// HTTP status of the code, such as `403 Forbidden`.
    status_code: String,
    /// Data for programs; the fields depend on CODE. Absent if the code has no data.
    details: Option<serde_json::Map<String, Value>>,
}
