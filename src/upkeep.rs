//! What a gateway does by itself: ends sessions on time, tells the log of uses, checks services,
//! keeps its clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::feed::Notice;
use crate::node::Node;
use crate::presence::Presence;
use crate::realm::command::End;
use crate::realm::{Command, Millis, Outcome};
use crate::services::HostAt;
use crate::settings::PushServices;
use crate::watch::Due;

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
    if node.settings.store.audit_retain_days > 0 {
        duties.spawn(trim_audit(node.clone()));
    }
    if node.settings.store.retain_log_days > 0 {
        duties.spawn(trim(node.clone()));
    }
    if node.settings.service_list.health_check_secs > 0 && !node.services.hosts().is_empty() {
        duties.spawn(check_services(node.clone()));
    }
    duties
}

/// Subscriptions over REST that nobody asks for any more end.
async fn end_polls(node: Arc<Node>) {
    let timeout_ms = node.settings.server.limits.polling_timeout_secs * 1_000;
    loop {
        tokio::time::sleep(POLL_DISTANCE).await;
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
                Some(presences.of(session.no, session.user, name, session.accessed))
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
    let distance = node.replica.read(|realm, _| realm.policy().touch_ms).max(100);
    loop {
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
    let distance = Duration::from_millis(node.settings.security.expiry_check_ms().max(100));
    loop {
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
    let kept_ms = node.settings.store.retain_log_days * DAY_MS;
    loop {
        match node.replica.trim(node.clock.now().saturating_sub(kept_ms)).await {
            Ok(gone) => tracing::debug!(gone, "old entries of the log are trimmed"),
            Err(why) => tracing::warn!(why, "the log could not be trimmed"),
        }
        tokio::time::sleep(TRIM_DISTANCE).await;
    }
}

/// Old rows leave the audit trail.
async fn trim_audit(node: Arc<Node>) {
    let kept_ms = node.settings.store.audit_retain_days * DAY_MS;
    loop {
        let (trail, before) =
            (node.replica.trail.clone(), node.clock.now().saturating_sub(kept_ms));
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

async fn check_services(node: Arc<Node>) {
    let list = &node.settings.service_list;
    let (distance, timeout) = (
        Duration::from_secs(list.health_check_secs),
        Duration::from_millis(list.health_check_timeout_ms),
    );
    loop {
        let mut checks = JoinSet::new();
        for (at, name, port) in node.services.hosts() {
            checks.spawn(async move {
                let connected =
                    tokio::time::timeout(timeout, TcpStream::connect((&*name, port))).await;
                (at, matches!(connected, Ok(Ok(_))))
            });
        }
        let healthy: BTreeMap<HostAt, bool> = checks.join_all().await.into_iter().collect();
        if let Some((before, now)) = node.services.checked(&healthy) {
            tracing::info!(
                healthy = healthy.values().filter(|it| **it).count(),
                hosts = healthy.len(),
                "services changed"
            );
            if node.settings.service_list.push != PushServices::Off {
                node.replica.feed.publish_services(&now, &before);
            }
            push_services(&node);
        }
        tokio::time::sleep(distance).await;
    }
}

/// A change of the services is a heartbeat's answer that nobody asked for (PROTOCOL §6).
fn push_services(node: &Node) {
    if node.settings.service_list.push != PushServices::All {
        return;
    }
    node.replica.presences.each(|presence| {
        let details = node.services.details(presence.session);
        let members = details.get().strip_suffix('}').unwrap_or("{");
        let frame = format!(
            r#"{{"MESSAGE_TYPE":"EVENT_HEARTBEAT_ACK","DETAILS":{members},"PUSHED":true}}}}"#
        );
        presence.tell(&Notice::Services(presence.session, frame.into()));
    });
}
