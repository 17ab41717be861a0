//! Authentication: the session that a message speaks for.

use std::sync::Arc;

use protocol::{Envelope, Nack, NackCode};

use super::reply::TokenCache;
use crate::auth::hash_token;
use crate::gateway::Gateway;
use crate::messages::{ClientInfo, no_session};
use crate::realm::{Command, EndReason, Millis, Outcome, SessionEnd, TokenHash};
use crate::sessions::LiveSession;

/// Authenticates the envelope: its session token first, then the session bound to the connection.
pub(super) fn authenticate(
    gateway: &Gateway,
    client: &ClientInfo,
    token_cache: &mut TokenCache,
    envelope: &Envelope<'_>,
    now: Millis,
) -> Result<Arc<LiveSession>, Nack> {
    match &envelope.session_auth_token {
        Some(token) => session_of_token(gateway, client, token_cache, token, now),
        None => {
            let session = client.session.clone().ok_or_else(no_session)?;
            check_not_ended(gateway, session, now)
        }
    }
}

/// The session of a token.
pub(super) fn session_of_token(
    gateway: &Gateway,
    client: &ClientInfo,
    token_cache: &mut TokenCache,
    token: &str,
    now: Millis,
) -> Result<Arc<LiveSession>, Nack> {
    if let Some(bound) = &client.session
        && token_cache.matches(token, bound)
    {
        return check_not_ended(gateway, bound.clone(), now);
    }
    let hash = TokenHash(hash_token(token));
    let found = gateway.replica.read(|realm, _| {
        let session = realm.session_by_token(now, &hash)?;
        let user = realm.user(session.user)?;
        let is_current = session.token == hash;
        Some((gateway.replica.sessions.get_or_create(session, &user.name), is_current))
    });
    let (session, is_current) = found.ok_or_else(no_session)?;
    let is_bound = client.session.as_ref().is_some_and(|bound| Arc::ptr_eq(bound, &session));
    if !is_bound {
        // The connection records its own session as seen; any other one is recorded here.
        session.seen(now);
    }
    // The former token of a refreshed session ends with its grace period: it is never cached.
    if is_current && is_bound {
        token_cache.store(token, &session);
    }
    check_not_ended(gateway, session, now)
}

/// Refuses a session that has ended or whose time is over. Expiry takes effect with the next
/// message, before the background task finds it.
fn check_not_ended(
    gateway: &Gateway,
    session: Arc<LiveSession>,
    now: Millis,
) -> Result<Arc<LiveSession>, Nack> {
    let ended = || Nack::new(NackCode::SessionExpired, "the session is over; log in again");
    if session.has_ended() {
        return Err(ended());
    }
    let idle_ms = gateway.settings().security.session_timeout_ms();
    let last_used = session.last_used();
    let (until, reason, unless_after) = match session.fixed_end() {
        Some(end) => (end, EndReason::Expired, None),
        None => (last_used.saturating_add(idle_ms), EndReason::Idle, Some(last_used)),
    };
    if now < until {
        return Ok(session);
    }
    // One command is enough, however many messages arrive for the session.
    if session.try_begin_end() {
        let end = SessionEnd { session: session.session, reason, unless_after };
        let replica = gateway.replica.clone();
        tokio::spawn(async move {
            let outcome = replica.submit(Command::End(end)).await;
            if !matches!(outcome, Ok(Outcome::EndedSessions(1))) {
                session.end_failed();
            }
        });
    }
    Err(ended())
}
