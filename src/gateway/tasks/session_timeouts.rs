//! Background tasks that end sessions on time and log their use.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::{Command, Millis, Outcome, SessionEnd};
use crate::sessions::{Action, LiveSession};
use crate::subscriptions::ConnectionNotice;
/// Sessions that had a socket, and that this node knows nothing of, are watched from now on: their
/// GUIs come back after a restart, or never got the answer to their login. `last_seen`: their last
/// sign of life at least.
pub(super) fn watch_restored_sessions(gateway: &Arc<Gateway>, last_seen: Millis) {
    let sessions = &gateway.replica.sessions;
    let mut last = None;
    loop {
        // In steps: the guard is given back between them.
        let (unknown, reached) = gateway.replica.read(|realm, _| {
            let step: Vec<_> = realm.sessions_after(last).take(STEP_SESSIONS).collect();
            let monitored = step.iter().filter(|it| it.monitored && it.dormant.is_none());
            let unknown = monitored.filter(|session| sessions.get(session.no).is_none());
            let unknown = unknown.filter_map(|session| {
                let name = &realm.user(session.user)?.name;
                Some(sessions.get_or_create(session, name))
            });
            (unknown.collect::<Vec<_>>(), step.last().map(|session| session.no))
        });
        for live_session in unknown {
            live_session.seen(last_seen);
            live_session.mark_monitored();
            gateway.session_timeouts.add(&live_session, gateway.clock.now());
        }
        if reached.is_none() {
            return;
        }
        last = reached;
    }
}

pub(super) async fn watch_more_restored_sessions(gateway: Arc<Gateway>) {
    watch_restored_sessions(&gateway, 0);
}

pub(super) async fn enforce_session_timeouts(gateway: Arc<Gateway>) {
    loop {
        let now = gateway.clock.now();
        for (live_session, due) in
            gateway.session_timeouts.due_actions(&gateway.session_limits(), now)
        {
            match due {
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
                    // Many may end at once: their commands share commits.
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

/// A session that could not be ended, or was used meanwhile, stays under watch.
async fn end_session(gateway: Arc<Gateway>, session: Arc<LiveSession>, end: SessionEnd) {
    match gateway.replica.submit(Command::End(end)).await {
        Ok(Outcome::EndedSessions(1)) => return,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "a session that is due could not be ended"),
    }
    if !session.has_ended() {
        tokio::time::sleep(END_RETRY_DELAY).await;
        gateway.session_timeouts.add(&session, gateway.clock.now());
    }
}

/// The time between two commands that report the use of sessions.
pub(super) fn session_use_interval(gateway: &Gateway) -> Duration {
    let interval_ms = gateway.replica.read(|realm, _| realm.policy().use_report_ms);
    Duration::from_millis(interval_ms.max(100))
}

pub(super) async fn flush_session_use(gateway: Arc<Gateway>) {
    write_session_use(&gateway).await;
}

/// Tells the log of every use that it does not know yet.
pub async fn write_session_use(gateway: &Gateway) {
    // Sessions that are used meanwhile are reported the next time.
    for session_uses in gateway.replica.sessions.unreported_use().chunks(SESSION_USES_MAX) {
        if gateway.replica.submit(Command::RecordSessionUse(session_uses.to_vec())).await.is_err() {
            return;
        }
        gateway.replica.sessions.mark_reported(session_uses);
    }
}

/// The time between two sweeps.
pub(super) fn sweep_interval(gateway: &Gateway) -> Duration {
    Duration::from_millis(gateway.settings().security.expiry_check_ms().max(100))
}

/// Ends the sessions whose time is over.
pub(super) async fn sweep(gateway: Arc<Gateway>) {
    // A full sweep is followed by the next one at once.
    while let Ok(Outcome::EndedSessions(count)) = gateway.replica.submit(Command::Sweep).await {
        if count < 100 {
            break;
        }
    }
}

/// Uses that one command tells at most.
pub(super) const SESSION_USES_MAX: usize = 64;

/// The watch looks at least this often.
pub(super) const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// Sessions that are looked at in one step.
pub(super) const STEP_SESSIONS: usize = 512;

/// Sessions without a live session are looked for at this distance.
pub(super) const RESTORED_SESSIONS_INTERVAL: Duration = Duration::from_secs(30);

/// What could not be ended is looked at again after this time.
pub(super) const END_RETRY_DELAY: Duration = Duration::from_secs(1);
