//! Timer of a connection, which wakes the connection's task at its next deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::realm::Millis;

/// A timer of one task. The first [`Timer::is_due`] after each [`Timer::set`] registers the task to
/// be woken.
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    polled: bool,
    /// Before this time `sleep` is not checked, to save the access to the memory of `sleep`.
    not_before: Millis,
}

/// Fixed part of the margin for a difference between the gateway's clock and tokio's clock. The
/// other part is an eighth of the timer's duration.
const SLACK_MS: Millis = 500;

impl Timer {
    /// Creates a timer that is due.
    pub(super) fn due() -> Self {
        Self { sleep: Box::pin(sleep(Duration::ZERO)), polled: false, not_before: 0 }
    }

    /// Makes the timer due `after` milliseconds after `now`.
    pub(super) fn set(&mut self, now: Millis, after: Millis) {
        self.sleep.set(sleep(Duration::from_millis(after)));
        self.polled = false;
        self.not_before = now + after.saturating_sub(after / 8 + SLACK_MS);
    }

    /// Whether the timer is due. If not, the task is woken when the timer is due.
    pub(super) fn is_due(&mut self, now: Millis, context: &mut Context<'_>) -> bool {
        if self.polled && (now < self.not_before || !self.sleep.is_elapsed()) {
            return false;
        }
        self.polled = true;
        self.sleep.as_mut().poll(context).is_ready()
    }
}
