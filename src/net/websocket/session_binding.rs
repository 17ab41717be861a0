//! Session binding: the session of a connection, and other sessions with subscriptions on the
//! connection.

use std::sync::Arc;
use std::task::Context;

use super::close_reason::CloseReason;
use super::connection::Connection;
use crate::realm::SessionNo;
use crate::router::TokenCache;
use crate::sessions::LiveSession;

impl Connection {
    /// Binds the connection to a session. If the connection was bound to another session, ends the
    /// subscriptions on the connection; the other session stays live.
    pub(super) fn bind(&mut self, session: Arc<LiveSession>) -> Result<(), CloseReason> {
        if self.client.session.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &session)) {
            return Ok(());
        }
        let gateway = self.router.gateway().clone();
        if let Some(previous) = self.client.session.take() {
            self.end_subscriptions(None)?;
            previous.unbind(&self.outbox);
            self.other_sessions.retain(|other| !Arc::ptr_eq(other, &previous));
            self.token_cache = TokenCache::default();
        }
        let now = gateway.clock.now();
        self.state.bind();
        self.charge.account().close();
        let limits = &gateway.settings().server.limits;
        self.stream.set_limits(limits.frame_bytes, limits.message_bytes);
        self.queue.set_bytes_max(limits.message_bytes);
        if session.bind(&self.outbox, now) {
            gateway.session_timeouts.add(&session, now);
        }
        self.client.session = Some(session);
        self.attach_direct_writer();
        Ok(())
    }

    /// Counts what this connection holds while no session is bound. Returns whether it must close,
    /// because it holds most.
    pub(super) fn is_exhausted(&mut self, context: &Context<'_>) -> bool {
        if self.client.session.is_some() {
            return false;
        }
        self.charge.set(self.stream.held_bytes() + self.queue.held_bytes());
        self.charge.account().poll_exhausted(context)
    }

    /// Requests a notice of the end of a session that has a subscription on this connection. Does
    /// nothing if the session is bound or the notice was requested before.
    pub(super) fn watch_session(&mut self, session: &Arc<LiveSession>) {
        let is_same = |other: &Arc<LiveSession>| Arc::ptr_eq(other, session);
        if !self.client.session.iter().chain(&self.other_sessions).any(is_same) {
            session.add_outbox(&self.outbox);
            self.other_sessions.push(session.clone());
        }
    }

    pub(super) fn is_bound_to(&self, session: SessionNo) -> bool {
        self.client.session.as_ref().is_some_and(|bound| bound.session == session)
    }

    /// Ends the subscriptions of a session on this connection (`None`: of all sessions), and sends
    /// a LOGOFF_ACK for each subscription.
    pub(super) fn end_subscriptions(
        &mut self,
        session: Option<SessionNo>,
    ) -> Result<(), CloseReason> {
        let cancelled =
            self.router.gateway().replica.subscriptions.cancel_all(&self.outbox, session);
        let body = serde_json::json!({ "LOGGED_OUT": true });
        cancelled.into_iter().try_for_each(|source_ref| {
            let frame = protocol::envelope::encode_value("LOGOFF_ACK", Some(&source_ref), &body);
            self.stream.text(&frame)
        })
    }
}
