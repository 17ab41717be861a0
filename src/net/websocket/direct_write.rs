//! Direct writes: how rows reach a socket whose task has nothing to do. The publishing thread
//! writes them, and the task is not woken.

use std::sync::Arc;

use rustix::net::SendFlags;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::connection::Connection;
use super::frame_stream;
use crate::subscriptions::DirectWriter;

/// A socket in clear.
impl DirectWriter for OwnedWriteHalf {
    fn write_frame(&self, out: &mut Vec<u8>, write: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool {
        frame_stream::text_with(out, write)
    }

    fn try_send(&self, frames: &[u8]) -> usize {
        let stream: &TcpStream = self.as_ref();
        // Of a socket that is full or gone its task will hear.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(stream, frames, flags).unwrap_or(0)
    }
}

impl Connection {
    /// Rows of the session that the socket is bound to may be written directly.
    pub(super) fn attach_direct_writer(&mut self) {
        let writer = self.stream.direct_writer().filter(|_| self.client.session.is_some());
        self.outbox.set_direct_writer(writer.map(|write| write as Arc<dyn DirectWriter>));
    }

    /// At the end of a turn: if nothing is left to do, others may write.
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

    /// At the beginning of a turn: from now on only this task writes.
    pub(super) fn withdraw_direct_write(&mut self) {
        if std::mem::take(&mut self.direct_write) {
            self.stream.restore_unsent(self.outbox.take_unsent());
        }
    }
}
