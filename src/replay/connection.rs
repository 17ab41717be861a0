//! One connection of a client: pending requests, received frames and session token.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;

use super::measurements::{Answered, Recorder};
use super::received::{Frame, Head, InboxItem};
use super::transport::ConnectionIo;
use crate::net::Received;

/// Maximum number of received frames that wait for a step. If more frames wait, the oldest is
/// dropped.
const INBOX_MAX: usize = 10_000;
/// Maximum number of SOURCE_REFs with pending requests on one connection; beyond that, requests are
/// not paired with replies.
const OPEN_MAX: usize = 10_000;

/// One connection.
pub(super) struct ClientConnection<L> {
    pub io: L,
    pub inbox: VecDeque<InboxItem>,
    /// Pending requests, by SOURCE_REF as JSON.
    open: HashMap<Box<str>, VecDeque<PendingRequest>>,
    token: Option<String>,
    /// The time of the last cause (`>!`) that was followed by a push on this connection.
    cause: Duration,
    /// Whether the transport does not support the last message, so that no reply is expected.
    pub unsupported: bool,
}

/// A message that was sent and has no reply yet.
struct PendingRequest {
    message_type: Box<str>,
    /// When it was sent, since the start of the run.
    at: Duration,
    /// How late its round began.
    late: Duration,
}

impl<L: ConnectionIo> ClientConnection<L> {
    pub(super) fn new(io: L) -> Self {
        Self {
            io,
            inbox: VecDeque::new(),
            open: HashMap::new(),
            token: None,
            cause: Duration::ZERO,
            unsupported: false,
        }
    }

    /// If `carry`, adds the session token to an envelope that has none, except to EVENT_LOGIN_AUTH.
    /// Records the request as sent at the time `at`; `late` is the delay of its round.
    pub(super) fn register(
        &mut self,
        envelope: &mut Value,
        carry: bool,
        (at, late): (Duration, Duration),
        recorder: &Recorder,
    ) {
        let message_type = envelope["MESSAGE_TYPE"].as_str().unwrap_or_default().to_owned();
        if let (Some(root), Some(token), true) = (envelope.as_object_mut(), &self.token, carry)
            && !root.contains_key("SESSION_AUTH_TOKEN")
            && message_type != "EVENT_LOGIN_AUTH"
        {
            root.insert("SESSION_AUTH_TOKEN".to_owned(), token.as_str().into());
        }
        recorder.sent(&message_type);
        if let Some(source_ref) = envelope.get("SOURCE_REF")
            && self.open.len() < OPEN_MAX
        {
            let message_type = message_type.into_boxed_str();
            let request = PendingRequest { message_type, at, late };
            self.open.entry(source_ref.to_string().into()).or_default().push_back(request);
        }
    }

    /// Moves received frames to the inbox. Returns whether it received any.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, recorder: &Recorder) -> bool {
        let mut received = false;
        while let Poll::Ready(next) = self.io.poll_receive(context) {
            received = true;
            let item = match next {
                Received::Text(text) => InboxItem::Frame(self.receive(text, recorder)),
                Received::Closed(code) => InboxItem::Closed(code),
            };
            let end = matches!(item, InboxItem::Closed(_));
            if self.inbox.len() == INBOX_MAX {
                self.inbox.pop_front();
            }
            self.inbox.push_back(item);
            if end {
                break;
            }
        }
        received
    }

    /// Whether the end of the connection is in the inbox.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.inbox.back(), Some(InboxItem::Closed(_)))
    }

    fn receive(&mut self, text: String, recorder: &Recorder) -> Frame {
        let head = Head::read(&text);
        let source_ref = head.source_ref.map(|it| Box::from(it.get()));
        let refused = head.refused().map(Box::from);
        match self.take_request(&head) {
            Some(request) => {
                let logged_out = &*request.message_type == "EVENT_LOGOUT" && refused.is_none();
                let token = head.session_auth_token.as_deref().map(str::to_owned);
                self.token = if logged_out { None } else { token.or(self.token.take()) };
                recorder.answered(&Answered {
                    message_type: &request.message_type,
                    at: request.at,
                    late: request.late,
                    refused: refused.as_deref(),
                });
            }
            None => {
                if head.message_type == "SESSION_ENDED" {
                    self.token = None;
                }
                self.cause = recorder.pushed(&head.message_type, self.cause);
            }
        }
        let message_type = head.message_type.as_ref().into();
        Frame { message_type, source_ref, refused, text }
    }

    /// Removes and returns the request that a frame replies to. Rows with the SOURCE_REF of a
    /// DATA_LOGOFF are not the reply to the DATA_LOGOFF: the gateway sent them before handling it.
    fn take_request(&mut self, head: &Head<'_>) -> Option<PendingRequest> {
        let source_ref = head.source_ref?.get();
        let requests = self.open.get_mut(source_ref)?;
        let rows = head.message_type == "QUERY_UPDATE";
        if rows && requests.front().is_some_and(|it| &*it.message_type == "DATA_LOGOFF") {
            return None;
        }
        let first = requests.pop_front();
        if requests.is_empty() {
            self.open.remove(source_ref);
        }
        first
    }

    /// Removes all pending requests and returns their MESSAGE_TYPEs.
    pub(super) fn take_unanswered(&mut self) -> Vec<Box<str>> {
        let open = std::mem::take(&mut self.open);
        open.into_values().flatten().map(|request| request.message_type).collect()
    }
}
