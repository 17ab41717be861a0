//! Background tasks that end sessions and write their last-used times to the command log.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::{Command, Millis, Outcome, SessionEnd};
use crate::sessions::{Action, LiveSession};
use crate::subscriptions::ConnectionNotice;

/// Finds the sessions that had a connection but are not in this gateway's registry yet, and adds
/// them, so that timeouts apply to them. Either the gateway was restarted and the GUI has not
/// reconnected yet, or the GUI never received the reply to its login. A session that was last seen
/// earlier than `last_seen` is treated as if it was last seen at `last_seen`.
pub(super) fn watch_restored_sessions(gateway: &Arc<Gateway>, last_seen: Millis) {
    let sessions = &gateway.replica.sessions;
    let mut last = None;
    loop {
        // In steps, so that the realm is not locked for long.
        let (not_live, last_of_step) = gateway.replica.read(|realm, _| {
            let step: Vec<_> = realm.sessions_after(last).take(STEP_SESSIONS).collect();
            let monitored = step.iter().filter(|it| it.monitored && it.dormant.is_none());
            let not_live = monitored.filter(|session| sessions.get(session.no).is_none());
            let not_live = not_live.filter_map(|session| {
                let name = &realm.user(session.user)?.name;
                Some(sessions.get_or_create(session, name))
            });
            (not_live.collect::<Vec<_>>(), step.last().map(|session| session.no))
        });
        for live_session in not_live {
            live_session.seen(last_seen);
            live_session.mark_monitored();
            gateway.session_timeouts.add(&live_session, gateway.clock.now());
        }
        if last_of_step.is_none() {
            return;
        }
        last = last_of_step;
    }
}

/// Runs [`watch_restored_sessions`] as a periodic task, without changing last-seen times.
pub(super) async fn watch_more_restored_sessions(gateway: Arc<Gateway>) {
    watch_restored_sessions(&gateway, 0);
}

pub(super) async fn enforce_session_timeouts(gateway: Arc<Gateway>) {
    loop {
        let now = gateway.clock.now();
        for (live_session, action) in
            gateway.session_timeouts.due_actions(&gateway.session_limits(), now)
        {
            match action {
                Action::Warn(left) => {
                    let session = live_session.session;
                    live_session.notify_all(&ConnectionNotice::Expiring {
                        session,
                        in_secs: left.div_ceil(1_000),
                    });
                }
                Action::End(reason, unless_after) => {
                    let unless_after = Some(unless_after);
                    let end = SessionEnd { session: live_session.session, reason, unless_after };
                    // Sessions are ended concurrently, so that their commands share commits.
                    tokio::spawn(end_session(gateway.clone(), live_session, end));
                }
            }
        }
        let wait = gateway.session_timeouts.next().map_or(CHECK_INTERVAL_MAX, |at| {
            Duration::from_millis(at.saturating_sub(gateway.clock.now()))
                .clamp(Duration::from_millis(1), CHECK_INTERVAL_MAX)
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = gateway.session_timeouts.wakeup.notified() => {}
        }
    }
}

/// Submits the end of a session. If the session was used meanwhile or could not be ended, adds it
/// to the session timeouts again.
async fn end_session(gateway: Arc<Gateway>, session: Arc<LiveSession>, end: SessionEnd) {
    match gateway.replica.submit(Command::End(end)).await {
        Ok(Outcome::EndedSessions(1)) => return,
        Ok(_) => {}
        Err(error) => {
            let user = &session.user_name;
            tracing::warn!(%user, %error, "ending a session failed; another attempt follows");
        }
    }
    if !session.has_ended() {
        tokio::time::sleep(END_RETRY_DELAY).await;
        gateway.session_timeouts.add(&session, gateway.clock.now());
    }
}

/// Returns the time between two runs of [`write_session_use`].
pub(super) fn session_use_interval(gateway: &Gateway) -> Duration {
    let interval_ms = gateway.replica.read(|realm, _| realm.policy().use_report_ms);
    Duration::from_millis(interval_ms.max(100))
}

pub(super) async fn flush_session_use(gateway: Arc<Gateway>) {
    write_session_use(&gateway).await;
}

/// Submits the last-used times and first connections that the command log does not have yet.
pub async fn write_session_use(gateway: &Gateway) {
    // Sessions that are used during this loop are written by the next run.
    for session_uses in gateway.replica.sessions.unreported_use().chunks(SESSION_USES_MAX) {
        if gateway.replica.submit(Command::RecordSessionUse(session_uses.to_vec())).await.is_err() {
            return;
        }
        gateway.replica.sessions.mark_reported(session_uses);
    }
}

/// Returns the time between two sweeps.
pub(super) fn sweep_interval(gateway: &Gateway) -> Duration {
    Duration::from_millis(gateway.settings().security.expiry_check_ms().max(100))
}

/// Ends idle and expired sessions, and removes expired tokens and codes.
pub(super) async fn sweep(gateway: Arc<Gateway>) {
    // One sweep removes a bounded number of records. If it removed many, more may have expired.
    while let Ok(Outcome::EndedSessions(count)) = gateway.replica.submit(Command::Sweep).await {
        if count < 100 {
            break;
        }
    }
}

/// Maximum number of sessions in one [`Command::RecordSessionUse`].
pub(super) const SESSION_USES_MAX: usize = 64;

/// Maximum time between two checks of the timeouts.
pub(super) const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// Number of sessions that [`watch_restored_sessions`] reads under one lock of the realm.
pub(super) const STEP_SESSIONS: usize = 512;

/// The time between two runs of [`watch_more_restored_sessions`].
pub(super) const RESTORED_SESSIONS_INTERVAL: Duration = Duration::from_secs(30);

/// The delay before a session that was not ended is added to the session timeouts again.
pub(super) const END_RETRY_DELAY: Duration = Duration::from_secs(1);
