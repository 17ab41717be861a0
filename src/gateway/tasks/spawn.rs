//! What a gateway does by itself: ends sessions on time, tells the log of uses, checks services,
//! keeps its clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::refusal_log::flush_refusal_log;
use super::retention::{trim, trim_audit};
use super::session_timeouts::{
    enforce_session_timeouts, flush_session_use, sweep, watch_restored_sessions,
    watch_restored_sessions_periodically,
};
use super::{health_checks, mail_delivery};
use crate::gateway::state::Gateway;
/// Polled subscriptions are looked at, at this distance.
const REST_SUBSCRIPTIONS_INTERVAL: Duration = Duration::from_secs(1);
/// Starts all duties; they end with the set.
pub fn spawn_all(gateway: &Arc<Gateway>) -> JoinSet<()> {
    watch_restored_sessions(gateway, gateway.clock.now());
    let mut tasks = JoinSet::new();
    tasks.spawn(enforce_session_timeouts(gateway.clone()));
    tasks.spawn(watch_restored_sessions_periodically(gateway.clone()));
    tasks.spawn(flush_session_use(gateway.clone()));
    tasks.spawn(sweep(gateway.clone()));
    tasks.spawn(discipline_clock(gateway.clone()));
    tasks.spawn(expire_rest_subscriptions(gateway.clone()));
    tasks.spawn(flush_refusal_log(gateway.clone()));
    tasks.spawn(trim_audit(gateway.clone()));
    tasks.spawn(trim(gateway.clone()));
    tasks.spawn(health_checks::check_health(gateway.clone()));
    tasks.spawn(mail_delivery::deliver(gateway.clone()));
    tasks
}

/// Subscriptions over REST and backups that nobody asks for any more end.
async fn expire_rest_subscriptions(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(REST_SUBSCRIPTIONS_INTERVAL).await;
        let timeout_ms = gateway.settings().server.limits.polling_timeout_secs * 1_000;
        gateway.replica.backups.expire(gateway.clock.now());
        gateway.rest_subscriptions.expire(
            &gateway.replica.subscriptions,
            gateway.clock.now(),
            timeout_ms,
        );
    }
}

async fn discipline_clock(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gateway.clock.discipline();
    }
}
