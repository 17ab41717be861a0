//! Whose socket it is: the session that it is bound to, and others whose end it must hear of.

use std::sync::Arc;

use super::close_reason::CloseReason;
use super::connection::Connection;
use crate::realm::SessionNo;
use crate::router::TokenCache;
use crate::sessions::LiveSession;

impl Connection {
    /// The socket belongs to this session from now on. Its former subscriptions end; the former
    /// session lives on.
    pub(super) fn bind(&mut self, session: Arc<LiveSession>) -> Result<(), CloseReason> {
        if self.caller.session.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &session)) {
            return Ok(());
        }
        let node = self.router.node().clone();
        if let Some(former) = self.caller.session.take() {
            self.end_subscriptions(None)?;
            node.replica.presences.unbind(&former, &self.outbox);
            self.other_sessions.retain(|heard| !Arc::ptr_eq(heard, &former));
            self.known = TokenCache::default();
        }
        let now = node.clock.now();
        self.link.bind();
        if node.replica.presences.bind(&session, &self.outbox, now) {
            node.watch.add(&session, now);
        }
        self.caller.session = Some(session);
        self.connect();
        Ok(())
    }

    /// A subscription of another session than the bound one must hear of that session's end.
    pub(super) fn listen_to(&mut self, session: &Arc<LiveSession>) {
        let knows = |known: &Arc<LiveSession>| Arc::ptr_eq(known, session);
        if !self.caller.session.iter().chain(&self.other_sessions).any(knows) {
            session.add_outbox(&self.outbox);
            self.other_sessions.push(session.clone());
        }
    }

    pub(super) fn is_bound_to(&self, session: SessionNo) -> bool {
        self.caller.session.as_ref().is_some_and(|bound| bound.session == session)
    }

    pub(super) fn end_subscriptions(
        &mut self,
        session: Option<SessionNo>,
    ) -> Result<(), CloseReason> {
        let ended = self.router.node().replica.feed.cancel_all(&self.outbox, session);
        let body = serde_json::json!({ "LOGGED_OUT": true });
        ended.into_iter().try_for_each(|source_ref| {
            self.socket.text(&protocol::envelope::encode("LOGOFF_ACK", Some(&source_ref), &body))
        })
    }
}
