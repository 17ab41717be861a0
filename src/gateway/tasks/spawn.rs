//! What a gateway does by itself: ends sessions on time, tells the log of uses, checks services,
//! keeps its clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::refusal_log::note;
use super::retention::{trim, trim_audit};
use super::session_timeouts::{adopt, adopt_again, sweep, touch, watch};
use super::{health_checks, mail_delivery};
use crate::gateway::state::Node;
/// Polled subscriptions are looked at, at this distance.
const POLL_DISTANCE: Duration = Duration::from_secs(1);
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

async fn keep_clock(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.clock.tick();
    }
}
