//! Authentication: finds the session of a message.

use std::sync::Arc;

use protocol::{Envelope, Nack, NackCode};

use super::reply::TokenCache;
use crate::auth::hash_token;
use crate::gateway::Gateway;
use crate::messages::{ClientInfo, no_session};
use crate::realm::{Command, EndReason, Millis, Outcome, SessionEnd, TokenHash};
use crate::sessions::LiveSession;

/// Returns the session of the session token in the envelope. Without a token, returns the session
/// to which the connection is bound.
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

/// Returns the session of a session token.
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
        // The connection records its own session as seen. Any other session is recorded here.
        session.seen(now);
    }
    // A replaced session token is not cached, because it is valid only during its grace period.
    if is_current && is_bound {
        token_cache.store(token, &session);
    }
    check_not_ended(gateway, session, now)
}

/// Checks that the session has neither ended nor expired. The messages of an expired session are
/// refused even before the background task has ended the session.
fn check_not_ended(
    gateway: &Gateway,
    session: Arc<LiveSession>,
    now: Millis,
) -> Result<Arc<LiveSession>, Nack> {
    let ended = || Nack::new(NackCode::SessionExpired, "the session has ended; log in again");
    if session.has_ended() {
        return Err(ended());
    }
    let idle_ms = gateway.settings().security.session_timeout_ms();
    let last_used = session.last_used();
    let (until, reason, unless_after) = match session.fixed_end() {
        _ if now >= session.max_end() => (now, EndReason::MaxAge, None),
        Some(end) => (end, EndReason::Expired, None),
        None => (last_used.saturating_add(idle_ms), EndReason::Idle, Some(last_used)),
    };
    if now < until {
        return Ok(session);
    }
    // Only the first message of an expired session submits the command.
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
