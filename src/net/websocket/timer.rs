//! When a connection is to be looked at again, though nothing came.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::realm::Millis;
/// A timer of one task. It is polled once a setting: from then on it wakes the task by itself.
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    polled: bool,
    /// Before this time the timer, which lies elsewhere in memory, is not looked at.
    not_before: Millis,
}

/// The clock of the gateway is never this far from the timer's.
const SLACK_MS: Millis = 500;

impl Timer {
    /// One that is due.
    pub(super) fn due() -> Self {
        Self { sleep: Box::pin(sleep(Duration::ZERO)), polled: false, not_before: 0 }
    }

    /// It is due so many milliseconds after `now`.
    pub(super) fn set(&mut self, now: Millis, after: Millis) {
        self.sleep.set(sleep(Duration::from_millis(after)));
        self.polled = false;
        self.not_before = now + after.saturating_sub(after / 8 + SLACK_MS);
    }

    /// Whether it is due; else the task is woken when it is.
    pub(super) fn is_due(&mut self, now: Millis, context: &mut Context<'_>) -> bool {
        if self.polled && (now < self.not_before || !self.sleep.is_elapsed()) {
            return false;
        }
        self.polled = true;
        self.sleep.as_mut().poll(context).is_ready()
    }
}
