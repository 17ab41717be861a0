//! Background tasks that end sessions on time and log their use.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Node;
use crate::realm::{Command, End, Millis, Outcome};
use crate::sessions::{Action, LiveSession};
use crate::subscriptions::Notice;
/// Sessions that had a socket, and that this node knows nothing of, are watched from now on: their
/// GUIs come back after a restart, or never got the answer to their login. `alive`: their last sign
/// of life at least.
pub(super) fn watch_restored_sessions(node: &Arc<Node>, alive: Millis) {
    let presences = &node.replica.presences;
    let mut last = None;
    loop {
        // In steps: the guard is given back between them.
        let (unknown, reached) = node.replica.read(|realm, _| {
            let step: Vec<_> = realm.sessions_after(last).take(STEP_SESSIONS).collect();
            let watched = step.iter().filter(|it| it.watched && it.dormant.is_none());
            let unknown = watched.filter(|session| presences.get(session.no).is_none());
            let unknown = unknown.filter_map(|session| {
                let name = &realm.user(session.user)?.name;
                Some(presences.get_or_create(session, name))
            });
            (unknown.collect::<Vec<_>>(), step.last().map(|session| session.no))
        });
        for presence in unknown {
            presence.seen(alive);
            presences.mark_monitored(&presence);
            node.watch.add(&presence, node.clock.now());
        }
        if reached.is_none() {
            return;
        }
        last = reached;
    }
}

pub(super) async fn adopt_again(node: Arc<Node>) {
    loop {
        tokio::time::sleep(ADOPT_DISTANCE).await;
        watch_restored_sessions(&node, 0);
    }
}

pub(super) async fn watch(node: Arc<Node>) {
    loop {
        let now = node.clock.now();
        for (presence, due) in node.watch.due(&node.session_limits(), now) {
            match due {
                Action::Warn(left) => {
                    let session = presence.session;
                    presence
                        .notify_all(&Notice::Expiring { session, in_secs: left.div_ceil(1_000) });
                }
                Action::End(reason, unless_after) => {
                    let unless_after = Some(unless_after);
                    let end = End { session: presence.session, reason, unless_after };
                    // Many may end at once: their commands share commits.
                    tokio::spawn(end_session(node.clone(), presence, end));
                }
            }
        }
        let wait = node.watch.next().map_or(LOOK_MAX, |at| {
            Duration::from_millis(at.saturating_sub(node.clock.now()))
                .clamp(Duration::from_millis(1), LOOK_MAX)
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = node.watch.wakeup.notified() => {}
        }
    }
}

/// A session that could not be ended, or was used meanwhile, stays under watch.
async fn end_session(node: Arc<Node>, presence: Arc<LiveSession>, end: End) {
    match node.replica.submit(Command::End(end)).await {
        Ok(Outcome::EndedSessions(1)) => return,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "a session that is due could not be ended"),
    }
    if !presence.has_ended() {
        tokio::time::sleep(END_AGAIN).await;
        node.watch.add(&presence, node.clock.now());
    }
}

pub(super) async fn flush_session_use(node: Arc<Node>) {
    loop {
        let distance = node.replica.read(|realm, _| realm.policy().touch_ms).max(100);
        tokio::time::sleep(Duration::from_millis(distance)).await;
        flush_touches(&node).await;
    }
}

/// Tells the log of every use that it does not know yet.
pub async fn flush_touches(node: &Node) {
    // One look: whoever is used meanwhile is told with the next one.
    for touched in node.replica.presences.unreported_use().chunks(TOUCHES_MAX) {
        if node.replica.submit(Command::Touch(touched.to_vec())).await.is_err() {
            return;
        }
        node.replica.presences.mark_reported(touched);
    }
}

pub(super) async fn sweep(node: Arc<Node>) {
    loop {
        let distance = Duration::from_millis(node.settings().security.expiry_check_ms().max(100));
        tokio::time::sleep(distance).await;
        // A full sweep is followed by the next one at once.
        while let Ok(Outcome::EndedSessions(count)) = node.replica.submit(Command::Sweep).await {
            if count < 100 {
                break;
            }
        }
    }
}

/// Uses that one command tells at most.
pub(super) const TOUCHES_MAX: usize = 64;

/// The watch looks at least this often.
pub(super) const LOOK_MAX: Duration = Duration::from_secs(5);

/// Sessions that are looked at in one step.
pub(super) const STEP_SESSIONS: usize = 512;

/// Sessions without a presence are looked for at this distance.
pub(super) const ADOPT_DISTANCE: Duration = Duration::from_secs(30);

/// What could not be ended is looked at again after this time.
pub(super) const END_AGAIN: Duration = Duration::from_secs(1);
