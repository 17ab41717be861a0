//! The line: how rows reach a socket whose task has nothing to do. Whoever makes them wait writes
//! them, and the task is not even woken.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::net::tcp::OwnedWriteHalf;

use super::super::frames;
use super::Pump;
use crate::feed::Line;
use crate::presence::Presence;

/// What is sent at once is made in a buffer of the thread; past this the socket's task goes on.
const BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static OUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A socket in clear that is bound to a session.
#[derive(Debug)]
struct Direct {
    write: Arc<OwnedWriteHalf>,
    session: Arc<Presence>,
}

impl Line for Direct {
    fn send(&self, next: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> Option<Vec<u8>> {
        if self.session.is_over() {
            return None;
        }
        OUT.with_borrow_mut(|out| {
            out.clear();
            while out.len() < BYTES_MAX && frames::text_by(out, &mut *next) {}
            // Of a socket that is gone its task will hear.
            let write = || self.write.try_write(out).unwrap_or(0);
            let written = if out.is_empty() { 0 } else { write() };
            Some(out[written..].to_vec())
        })
    }
}

impl Pump {
    /// Rows of the session that the socket is bound to may take the line.
    pub(super) fn connect(&mut self) {
        let bound = self.caller.bound.clone();
        let line = self.socket.line().zip(bound).map(|(write, session)| {
            let line: Box<dyn Line> = Box::new(Direct { write, session });
            line
        });
        self.outbox.connect(line);
    }

    /// At the end of a turn: if nothing is left to do, others may write.
    pub(super) fn lend(&mut self) {
        let is_idle = self.busy.is_none()
            && self.waiting.is_empty()
            && self.notices.is_empty()
            && self.heard.is_empty()
            && self.socket.is_flushed();
        self.lent = self.subscribed && is_idle && self.outbox.lend();
    }

    /// At the beginning of a turn: from now on only this task writes.
    pub(super) fn reclaim(&mut self) {
        if std::mem::take(&mut self.lent) {
            self.socket.resume(self.outbox.reclaim());
        }
    }
}
