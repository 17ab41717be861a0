//! How a client waits for what its script expects.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use protocol::script::{Action, Mismatch, Step};
use serde_json::Value;

use super::steps::{PlayError, Player};
use crate::replay::connection::ClientConnection;
use crate::replay::received::InboxItem;
use crate::replay::transport::Transport;
impl<T: Transport> Player<'_, T> {
    /// Waits until something is found on any connection, at most this long.
    pub(super) async fn wait<R>(
        &mut self,
        within: Duration,
        mut found: impl FnMut(&mut Self) -> Option<R>,
    ) -> Option<R> {
        if let Some(it) = found(self) {
            return Some(it);
        }
        let mut timer = pin!(tokio::time::sleep(within));
        poll_fn(|context| {
            loop {
                let mut received = false;
                for connection in self.connections.values_mut().filter(|it| !it.is_closed()) {
                    received |= connection.poll(context, &self.recorder);
                }
                if received && let Some(it) = found(self) {
                    return Poll::Ready(Some(it));
                }
                if !received {
                    return timer.as_mut().poll(context).map(|()| None);
                }
            }
        })
        .await
    }

    /// The first thing on a connection's inbox that is meant.
    pub(super) async fn next(
        &mut self,
        name: &str,
        is_meant: impl Fn(&InboxItem) -> bool,
    ) -> Option<InboxItem> {
        self.wait(self.scenario.options.answer_timeout, |player| {
            let inbox = &mut player.connections.get_mut(name)?.inbox;
            let at = inbox.iter().position(&is_meant)?;
            inbox.remove(at)
        })
        .await
    }

    /// Waits for what a step expects and compares it.
    pub(super) async fn compare(&mut self, step: &Step, pattern: &Value) -> Result<(), PlayError> {
        let reply = matches!(step.action, Action::Reply(_));
        let filled = reply.then(|| self.state.known_in(pattern));
        let source_ref = filled.map(|it| it.get("SOURCE_REF").map(Value::to_string));
        let differs = |received: &str| {
            let (path, received) = (String::new(), received.to_owned());
            let expected = pattern.to_string();
            PlayError::Differs(step.line, Mismatch { path, expected, received })
        };
        loop {
            let is_meant = |item: &InboxItem| match (item, &source_ref) {
                (InboxItem::Frame(frame), Some(expected)) => {
                    frame.source_ref.as_deref() == expected.as_deref()
                }
                _ => true,
            };
            let frame = match self.next(&step.connection, is_meant).await {
                None => return Err(differs("nothing in time")),
                Some(InboxItem::Closed(_)) => return Err(differs("the end of the connection")),
                Some(InboxItem::Frame(frame)) => frame,
            };
            self.recorder.count(|counts| counts.compared += 1);
            let value = serde_json::from_str(&frame.text).unwrap_or(Value::String(frame.text));
            match (self.state.check(pattern, &value), &step.action) {
                (Ok(()), _) => return Ok(()),
                (Err(_), Action::Seek(_)) => {}
                (Err(what), Action::Reply(_)) => {
                    // A recording is compared to its end.
                    self.differs(step.line, what);
                    self.state.learn(pattern, &value);
                    return Ok(());
                }
                (Err(what), _) => return Err(PlayError::Differs(step.line, what)),
            }
        }
    }

    /// Waits for a frame of the expected kind, or for a refusal, and learns what the script wants
    /// to know.
    pub(super) async fn follow(&mut self, step: &Step, pattern: &Value) -> Result<(), PlayError> {
        let expected = pattern["MESSAGE_TYPE"].as_str();
        let is_meant = |item: &InboxItem| match item {
            InboxItem::Closed(_) => true,
            InboxItem::Frame(frame) => {
                expected.is_none_or(|it| *it == *frame.message_type) || frame.refused.is_some()
            }
        };
        let frame = match self.next(&step.connection, is_meant).await {
            None => {
                let unanswered = self
                    .connections
                    .get_mut(&step.connection)
                    .map(ClientConnection::take_unanswered);
                self.recorder.unanswered(&unanswered.unwrap_or_default());
                return Err(PlayError::Timeout);
            }
            Some(InboxItem::Closed(_)) => return Err(PlayError::Lost),
            Some(InboxItem::Frame(frame)) => frame,
        };
        if expected.is_some_and(|it| *it != *frame.message_type) {
            return Err(PlayError::Refused);
        }
        if let Ok(value) = serde_json::from_str(&frame.text) {
            self.state.learn(pattern, &value);
        }
        Ok(())
    }

    pub(super) async fn quiet(&mut self, step: &Step, time: Duration) -> Result<(), PlayError> {
        let verify = self.scenario.options.verify;
        let received = self.wait(time, |player| {
            let inbox = &player.connections.get(&step.connection)?.inbox;
            inbox.front().filter(|_| verify).map(|item| format!("{item:?}"))
        });
        match received.await {
            None => Ok(()),
            Some(received) => {
                let (path, expected) = (String::new(), "nothing".to_owned());
                Err(PlayError::Differs(step.line, Mismatch { path, expected, received }))
            }
        }
    }

    pub(super) async fn closed(&mut self, step: &Step, code: Option<u16>) -> Result<(), PlayError> {
        let verify = self.scenario.options.verify;
        let is_meant = |item: &InboxItem| verify || matches!(item, InboxItem::Closed(_));
        let received = match self.next(&step.connection, is_meant).await {
            Some(InboxItem::Closed(end)) if code.is_none() || code == end => return Ok(()),
            Some(InboxItem::Closed(end)) => end.map_or("no code".to_owned(), |it| it.to_string()),
            Some(InboxItem::Frame(frame)) => frame.text,
            None => "nothing in time".to_owned(),
        };
        if !verify {
            return Err(PlayError::Lost);
        }
        let expected = code.map_or("the end".to_owned(), |code| format!("the end with {code}"));
        Err(PlayError::Differs(step.line, Mismatch { path: String::new(), expected, received }))
    }
}
