//! One connection of a client: what was asked over it, what came, and whose session it is.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;

use super::measurements::{Answered, Recorder};
use super::received::{Frame, Head, InboxItem};
use super::transport::ConnectionIo;
use crate::net::Received;
/// Frames that nobody waits for; older ones are dropped.
const INBOX_MAX: usize = 10_000;
/// Questions that one connection keeps open.
const OPEN_MAX: usize = 10_000;

/// One connection.
pub(super) struct ClientConnection<L> {
    pub io: L,
    pub inbox: VecDeque<InboxItem>,
    /// Questions without an answer, by SOURCE_REF as JSON.
    open: HashMap<Box<str>, VecDeque<OpenQuestion>>,
    token: Option<String>,
    /// The last cause whose effect was seen here.
    cause: Duration,
    /// The last message could not be said this way: its answers do not come.
    pub unsupported: bool,
}

/// A question.
struct OpenQuestion {
    message_type: Box<str>,
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

    /// Puts the session's token into an envelope that says nothing about it, and notes the question
    /// to be asked at `at`.
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
            let question = OpenQuestion { message_type, at, late };
            self.open.entry(source_ref.to_string().into()).or_default().push_back(question);
        }
    }

    /// Takes in what has come. True if there was anything.
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

    /// Whether it has come to its end, as far as it was looked at.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.inbox.back(), Some(InboxItem::Closed(_)))
    }

    fn receive(&mut self, text: String, recorder: &Recorder) -> Frame {
        let head = Head::read(&text);
        let source_ref = head.source_ref.map(|it| Box::from(it.get()));
        let refused = head.refused().map(Box::from);
        match self.answers(&head) {
            Some(question) => {
                let logged_out = &*question.message_type == "EVENT_LOGOUT" && refused.is_none();
                let token = head.session_auth_token.as_deref().map(str::to_owned);
                self.token = if logged_out { None } else { token.or(self.token.take()) };
                recorder.answered(&Answered {
                    message_type: &question.message_type,
                    at: question.at,
                    late: question.late,
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

    /// The question that a frame answers. Rows under the name of a subscription answer no
    /// DATA_LOGOFF: they were on their way.
    fn answers(&mut self, head: &Head<'_>) -> Option<OpenQuestion> {
        let source_ref = head.source_ref?.get();
        let question = self.open.get_mut(source_ref)?;
        let rows = head.message_type == "QUERY_UPDATE";
        if rows && question.front().is_some_and(|it| &*it.message_type == "DATA_LOGOFF") {
            return None;
        }
        let first = question.pop_front();
        if question.is_empty() {
            self.open.remove(source_ref);
        }
        first
    }

    /// Forgets what is not answered any more, and says what it was.
    pub(super) fn take_unanswered(&mut self) -> Vec<Box<str>> {
        let open = std::mem::take(&mut self.open);
        open.into_values().flatten().map(|question| question.message_type).collect()
    }
}
