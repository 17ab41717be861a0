//! What a gateway does by itself: ends sessions on time, tells the log of uses, checks services,
//! keeps its clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::refusal_log::flush_refusal_log;
use super::retention::{trim, trim_audit};
use super::session_timeouts::{
    adopt_again, flush_session_use, sweep, watch, watch_restored_sessions,
};
use super::{health_checks, mail_delivery};
use crate::gateway::state::Node;
/// Polled subscriptions are looked at, at this distance.
const POLL_DISTANCE: Duration = Duration::from_secs(1);
/// Starts all duties; they end with the set.
pub fn spawn_all(node: &Arc<Node>) -> JoinSet<()> {
    watch_restored_sessions(node, node.clock.now());
    let mut duties = JoinSet::new();
    duties.spawn(watch(node.clone()));
    duties.spawn(adopt_again(node.clone()));
    duties.spawn(flush_session_use(node.clone()));
    duties.spawn(sweep(node.clone()));
    duties.spawn(discipline_clock(node.clone()));
    duties.spawn(expire_rest_subscriptions(node.clone()));
    duties.spawn(flush_refusal_log(node.clone()));
    duties.spawn(trim_audit(node.clone()));
    duties.spawn(trim(node.clone()));
    duties.spawn(health_checks::check(node.clone()));
    duties.spawn(mail_delivery::deliver(node.clone()));
    duties
}

/// Subscriptions over REST and backups that nobody asks for any more end.
async fn expire_rest_subscriptions(node: Arc<Node>) {
    loop {
        tokio::time::sleep(POLL_DISTANCE).await;
        let timeout_ms = node.settings().server.limits.polling_timeout_secs * 1_000;
        node.replica.backups.sweep(node.clock.now());
        node.polls.expire(&node.replica.feed, node.clock.now(), timeout_ms);
    }
}

async fn discipline_clock(node: Arc<Node>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.clock.discipline();
    }
}
