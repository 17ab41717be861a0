//! The end of a socket: its last words, and of all that belonged to it.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Pump;
use crate::counts;
use crate::link::CloseReason;
use crate::outside::dice;
use crate::settings::ShutdownClose;

/// A peer gets this long to take the last words.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// GUIs come back spread over this time.
const SPREAD_MS: u64 = 10_000;

impl Pump {
    /// The last words (PROTOCOL §5, "How a session ends"), then the end of all that belonged here.
    pub(super) async fn end(&mut self, reason: CloseReason) {
        let node = self.router.node().clone();
        let (word, code, _) = reason.row();
        counts::closed(word);
        let silent = reason == CloseReason::Gone
            || (reason == CloseReason::Shutdown
                && node.settings().server.shutdown_close == ShutdownClose::Drop);
        let _ = self.end_subscriptions(None);
        if !silent {
            let body = reason.details(dice::spread(SPREAD_MS));
            let _ = self.socket.text(&protocol::envelope::encode("SESSION_ENDED", None, &body));
            let last_words =
                self.socket.close(CloseFrame { code: code.into(), reason: word.into() });
            let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
        }
        node.connections.remove(&self.outbox);
        for session in self.caller.bound.iter().chain(&self.heard) {
            node.replica.presences.unbind(session, &self.outbox);
        }
    }
}
