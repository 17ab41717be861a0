//! Steps that expect frames: waiting for frames, comparison, and capture of values.

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
    /// Receives frames on all connections until `found` returns a value; `None` if `within` passes.
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

    /// Waits for the first item in a connection's inbox that `is_meant` accepts, and removes it.
    /// `None` after the answer timeout.
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

    /// Waits for the frame that a step expects, and compares the frame with the step.
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
                None => return Err(differs("no frame before the timeout")),
                Some(InboxItem::Closed(_)) => return Err(differs("a close of the connection")),
                Some(InboxItem::Frame(frame)) => frame,
            };
            self.recorder.count(|counts| counts.compared += 1);
            let value = serde_json::from_str(&frame.text).unwrap_or(Value::String(frame.text));
            match (self.state.check(pattern, &value), &step.action) {
                (Ok(()), _) => return Ok(()),
                (Err(_), Action::Seek(_)) => {}
                (Err(what), Action::Reply(_)) => {
                    // The comparison with a recording (`<=`) goes on after a difference.
                    self.differs(step.line, what);
                    self.state.learn(pattern, &value);
                    return Ok(());
                }
                (Err(what), _) => return Err(PlayError::Differs(step.line, what)),
            }
        }
    }

    /// Waits for a frame of the expected MESSAGE_TYPE, or for a refusal, and captures the values
    /// that the script names.
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

    /// Waits for the time of a `nothing` step. With `--verify`, fails if the inbox has or receives
    /// a frame or a close.
    pub(super) async fn quiet(&mut self, step: &Step, time: Duration) -> Result<(), PlayError> {
        let verify = self.scenario.options.verify;
        let received = self.wait(time, |player| {
            let inbox = &player.connections.get(&step.connection)?.inbox;
            inbox.front().filter(|_| verify).map(item_text)
        });
        match received.await {
            None => Ok(()),
            Some(received) => {
                let (path, expected) = (String::new(), "no frame".to_owned());
                Err(PlayError::Differs(step.line, Mismatch { path, expected, received }))
            }
        }
    }

    /// Waits until the gateway closes the connection, with this code if one is given.
    pub(super) async fn closed(&mut self, step: &Step, code: Option<u16>) -> Result<(), PlayError> {
        let verify = self.scenario.options.verify;
        let is_meant = |item: &InboxItem| verify || matches!(item, InboxItem::Closed(_));
        let received = match self.next(&step.connection, is_meant).await {
            Some(InboxItem::Closed(end)) if code.is_none() || code == end => return Ok(()),
            Some(item) => item_text(&item),
            None => "no close before the timeout".to_owned(),
        };
        if !verify {
            return Err(PlayError::Lost);
        }
        let expected = close_text(code, "a close of the connection");
        Err(PlayError::Differs(step.line, Mismatch { path: String::new(), expected, received }))
    }
}

/// Describes a received item: the text of a frame, or a close.
fn item_text(item: &InboxItem) -> String {
    match item {
        InboxItem::Frame(frame) => frame.text.clone(),
        InboxItem::Closed(code) => close_text(*code, "a close without a code"),
    }
}

/// Describes a close, with its code if it has one.
fn close_text(code: Option<u16>, without: &str) -> String {
    code.map_or(without.to_owned(), |code| format!("a close with code {code}"))
}
