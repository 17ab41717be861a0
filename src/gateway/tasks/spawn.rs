//! What a gateway does by itself: ends sessions on time, tells the log of uses, checks services,
//! keeps its clock.

use crate::gateway::tasks::{health_checks, mail_delivery};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::gateway::state::Node;
use crate::realm::command::commands::Command;
use crate::realm::command::commands::End;
use crate::realm::model::ids::Millis;
use crate::realm::outcome::Outcome;
use crate::sessions::registry::Presence;
use crate::sessions::timeouts::Due;
use crate::subscriptions::outbox::Notice;

/// Uses that one command tells at most.
const TOUCHES_MAX: usize = 64;
/// The watch looks at least this often.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Sessions that are looked at in one step.
const STEP_SESSIONS: usize = 512;
/// Sessions without a presence are looked for at this distance.
const ADOPT_DISTANCE: Duration = Duration::from_secs(30);
/// What could not be ended is looked at again after this time.
const END_AGAIN: Duration = Duration::from_secs(1);
/// Polled subscriptions are looked at, at this distance.
const POLL_DISTANCE: Duration = Duration::from_secs(1);
/// Refusals are told at this distance.
const NOTE_DISTANCE: Duration = Duration::from_secs(1);
const DAY_MS: Millis = 86_400_000;
/// The log is trimmed at this distance.
const TRIM_DISTANCE: Duration = Duration::from_secs(3_600);

/// Starts all duties; they end with the set.
pub fn start(node: &Arc<Node>) -> JoinSet<()> {
    adopt(node, node.clock.now());
    let mut duties = JoinSet::new();
    duties.spawn(watch(node.clone()));
    duties.spawn(adopt_again(node.clone()));
    duties.spawn(touch(node.clone()));
    duties.spawn(sweep(node.clone()));
    duties.spawn(keep_clock(node.clone()));
    duties.spawn(end_polls(node.clone()));
    duties.spawn(note(node.clone()));
    duties.spawn(trim_audit(node.clone()));
    duties.spawn(trim(node.clone()));
    duties.spawn(health_checks::check(node.clone()));
    duties.spawn(mail_delivery::deliver(node.clone()));
    duties
}

/// Subscriptions over REST and backups that nobody asks for any more end.
async fn end_polls(node: Arc<Node>) {
    loop {
        tokio::time::sleep(POLL_DISTANCE).await;
        let timeout_ms = node.settings().server.limits.polling_timeout_secs * 1_000;
        node.replica.backups.sweep(node.clock.now());
        node.polls.sweep(&node.replica.feed, node.clock.now(), timeout_ms);
    }
}

/// Sessions that had a socket, and that this node knows nothing of, are watched from now on: their
/// GUIs come back after a restart, or never got the answer to their login. `alive`: their last sign
/// of life at least.
fn adopt(node: &Arc<Node>, alive: Millis) {
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
                Some(presences.of(session, name))
            });
            (unknown.collect::<Vec<_>>(), step.last().map(|session| session.no))
        });
        for presence in unknown {
            presence.live(alive);
            presences.watched(&presence);
            node.watch.add(&presence, node.clock.now());
        }
        if reached.is_none() {
            return;
        }
        last = reached;
    }
}

async fn adopt_again(node: Arc<Node>) {
    loop {
        tokio::time::sleep(ADOPT_DISTANCE).await;
        adopt(&node, 0);
    }
}

async fn watch(node: Arc<Node>) {
    loop {
        let now = node.clock.now();
        for (presence, due) in node.watch.due(&node.limits(), now) {
            match due {
                Due::Warn(left) => {
                    let session = presence.session;
                    presence.tell(&Notice::Expiring { session, in_secs: left.div_ceil(1_000) });
                }
                Due::End(reason, unless_after) => {
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
            () = node.watch.nearer.notified() => {}
        }
    }
}

/// A session that could not be ended, or was used meanwhile, stays under watch.
async fn end_session(node: Arc<Node>, presence: Arc<Presence>, end: End) {
    match node.replica.submit(Command::End(end)).await {
        Ok(Outcome::EndedSessions(1)) => return,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "a session that is due could not be ended"),
    }
    if !presence.is_over() {
        tokio::time::sleep(END_AGAIN).await;
        node.watch.add(&presence, node.clock.now());
    }
}

async fn touch(node: Arc<Node>) {
    loop {
        let distance = node.replica.read(|realm, _| realm.policy().touch_ms).max(100);
        tokio::time::sleep(Duration::from_millis(distance)).await;
        flush_touches(&node).await;
    }
}

/// Tells the log of every use that it does not know yet.
pub async fn flush_touches(node: &Node) {
    // One look: whoever is used meanwhile is told with the next one.
    for touched in node.replica.presences.unlogged().chunks(TOUCHES_MAX) {
        if node.replica.submit(Command::Touch(touched.to_vec())).await.is_err() {
            return;
        }
        node.replica.presences.logged(touched);
    }
}

async fn sweep(node: Arc<Node>) {
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

/// Old commands leave the log once the records reflect them.
async fn trim(node: Arc<Node>) {
    loop {
        let before = before(&node, node.settings().store.retain_log_days);
        match node.replica.trim(before).await {
            Ok(gone) => tracing::debug!(gone, "old entries of the log are trimmed"),
            Err(why) => tracing::warn!(why, "the log could not be trimmed"),
        }
        tokio::time::sleep(TRIM_DISTANCE).await;
    }
}

/// What is older is not kept; 0 days: everything is.
fn before(node: &Node, days: u64) -> Millis {
    if days == 0 { 0 } else { node.clock.now().saturating_sub(days * DAY_MS) }
}

/// Old rows leave the audit trail.
async fn trim_audit(node: Arc<Node>) {
    loop {
        let before = before(&node, node.settings().store.audit_retain_days);
        let trail = node.replica.trail.clone();
        match tokio::task::spawn_blocking(move || trail.trim(before)).await {
            // A full step is followed by the next one soon.
            Ok(Ok(gone)) if gone > 0 => tokio::time::sleep(NOTE_DISTANCE).await,
            Ok(Ok(_)) => tokio::time::sleep(TRIM_DISTANCE).await,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the audit trail could not be trimmed");
                tokio::time::sleep(TRIM_DISTANCE).await;
            }
            Err(_) => return,
        }
    }
}

/// What was refused without a command reaches the audit trail.
async fn note(node: Arc<Node>) {
    loop {
        tokio::time::sleep(NOTE_DISTANCE).await;
        flush_notes(&node).await;
    }
}

/// Tells the log of the refusals that it does not know yet.
pub async fn flush_notes(node: &Node) {
    let noted = node.notes.take();
    if !noted.is_empty()
        && let Err(error) = node.replica.submit(Command::Note(noted)).await
    {
        tracing::warn!(%error, "refusals are not in the audit trail");
    }
}

async fn keep_clock(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.clock.tick();
    }
}
