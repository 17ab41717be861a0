//! Close of a connection: SESSION_ENDED, the close frame, and cleanup.

use std::task::Poll;
use std::time::Duration;

use super::close_reason::CloseReason;
use super::connection::Connection;
use crate::platform::{metrics, random};
use crate::settings::ShutdownClose;

/// Time limit for sending the close frame and waiting until the peer closes the stream.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum of the random RETRY_AFTER_MS, which spreads the reconnects of many clients.
const RETRY_JITTER_MAX_MS: u64 = 10_000;

impl Connection {
    /// Releases the queued messages and the buffers; returns whether a frame was partly written.
    fn discard_held(&mut self) -> bool {
        self.serving = None;
        self.queue.discard();
        self.stream.discard()
    }

    /// Ends the subscriptions, sends SESSION_ENDED and a close frame, and unregisters the
    /// connection. For [`CloseReason::PeerGone`], and on a shutdown with
    /// `server.shutdown_close = "drop"`, sends no SESSION_ENDED, and no close frame except the
    /// answer to the peer's close frame.
    pub(super) async fn close(&mut self, reason: CloseReason) {
        let gateway = self.router.gateway().clone();
        let (word, code, _) = reason.wire();
        metrics::record_closed(word);
        // What is held is released first. The rest of a partly written frame is then missing, so
        // no further frame can follow.
        let is_cut = reason == CloseReason::Exhausted && self.discard_held();
        let silent = reason == CloseReason::PeerGone
            || is_cut
            || (reason == CloseReason::Shutdown
                && gateway.settings().server.shutdown_close == ShutdownClose::Drop);
        if silent {
            // Writes the last replies and the answer to the peer's close frame, without waiting.
            std::future::poll_fn(|context| {
                let _ = self.stream.poll_flush(context);
                Poll::Ready(())
            })
            .await;
        }
        let _ = self.end_subscriptions(None);
        if !silent {
            let body = reason.details(random::jitter(RETRY_JITTER_MAX_MS));
            let frame = protocol::envelope::encode_value("SESSION_ENDED", None, &body);
            let _ = self.stream.text(&frame);
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.stream.close(code, word)).await;
        }
        self.charge.set(0);
        self.outbox.set_direct_writer(None);
        gateway.connections.remove(&self.outbox);
        for session in self.client.session.iter().chain(&self.other_sessions) {
            session.unbind(&self.outbox);
        }
    }
}
