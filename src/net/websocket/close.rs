//! The end of a socket: its last words, and of all that belonged to it.

use std::task::Poll;
use std::time::Duration;

use super::close_reason::CloseReason;
use super::connection::Connection;
use crate::platform::{metrics, random};
use crate::settings::ShutdownClose;
/// A peer gets this long to take the last words.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// GUIs come back spread over this time.
const RETRY_JITTER_MAX_MS: u64 = 10_000;

impl Connection {
    /// The last words, then the end of all that belonged here.
    pub(super) async fn close(&mut self, reason: CloseReason) {
        let gateway = self.router.gateway().clone();
        let (word, code, _) = reason.wire();
        metrics::record_closed(word);
        let silent = reason == CloseReason::PeerGone
            || (reason == CloseReason::Shutdown
                && gateway.settings().server.shutdown_close == ShutdownClose::Drop);
        if silent {
            // What was answered still leaves, and the answer to a close after it.
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
        self.outbox.set_direct_writer(None);
        gateway.connections.remove(&self.outbox);
        for session in self.client.session.iter().chain(&self.other_sessions) {
            session.unbind(&self.outbox);
        }
    }
}
