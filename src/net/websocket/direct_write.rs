//! Direct writes: rows go to an idle connection's socket without waking its task.
//!
//! The thread that publishes the rows writes them itself. Waking the connection's task would cost
//! more than writing a small row.

use std::sync::Arc;

use rustix::net::SendFlags;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::connection::Connection;
use super::frame_stream;
use crate::subscriptions::DirectWriter;

/// The write half of a plaintext socket.
impl DirectWriter for OwnedWriteHalf {
    fn write_frame(&self, out: &mut Vec<u8>, write: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool {
        frame_stream::text_with(out, write)
    }

    fn try_send(&self, frames: &[u8]) -> usize {
        let stream: &TcpStream = self.as_ref();
        // Errors are ignored: the connection's task notices a full or closed socket.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(stream, frames, flags).unwrap_or(0)
    }
}

impl Connection {
    /// Gives the outbox a direct writer if a session is bound and the stream is plaintext.
    /// `offer_direct_write` enables direct writes later.
    pub(super) fn attach_direct_writer(&mut self) {
        let writer = self.stream.direct_writer().filter(|_| self.client.session.is_some());
        self.outbox.set_direct_writer(writer.map(|write| write as Arc<dyn DirectWriter>));
    }

    /// Enables direct writes at the end of a poll, if the connection is idle, its session is live
    /// and a subscription was opened on it.
    pub(super) fn offer_direct_write(&mut self) {
        let is_idle = self.serving.is_none()
            && self.queue.is_empty()
            && self.notices.is_empty()
            && self.other_sessions.is_empty()
            && self.stream.is_flushed();
        let session = self.client.session.as_ref();
        let is_live = || session.is_some_and(|session| !session.has_ended());
        self.direct_write = self.subscribed && is_idle && self.outbox.enable_direct_write(is_live);
    }

    /// Disables direct writes at the beginning of a poll: from now on only this task writes.
    pub(super) fn withdraw_direct_write(&mut self) {
        if std::mem::take(&mut self.direct_write) {
            self.stream.restore_unsent(self.outbox.take_unsent());
        }
    }
}
