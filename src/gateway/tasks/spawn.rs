//! Start of the background tasks of a gateway.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::every::{every, now_and_every};
use super::refusal_log::{REFUSAL_LOG_INTERVAL, flush_refusal_log};
use super::retention::{TRIM_INTERVAL, trim, trim_audit};
use super::session_timeouts::{
    RESTORED_SESSIONS_INTERVAL, enforce_session_timeouts, flush_session_use, session_use_interval,
    sweep, sweep_interval, watch_more_restored_sessions, watch_restored_sessions,
};
use super::{health_checks, mail_delivery};
use crate::gateway::state::Gateway;

/// The time between two searches for expired REST subscriptions and an expired backup.
const REST_SUBSCRIPTIONS_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two comparisons of the gateway's clock with the system clock.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// The time between two summaries of omitted log lines.
const OMITTED_LINES_INTERVAL: Duration = Duration::from_secs(1);

/// Starts all background tasks. Dropping the set aborts them.
pub fn spawn_all(gateway: &Arc<Gateway>) -> JoinSet<()> {
    watch_restored_sessions(gateway, gateway.clock.now());
    let shared = || gateway.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(enforce_session_timeouts(shared()));
    tasks.spawn(every(shared(), |_| RESTORED_SESSIONS_INTERVAL, watch_more_restored_sessions));
    tasks.spawn(every(shared(), session_use_interval, flush_session_use));
    tasks.spawn(every(shared(), sweep_interval, sweep));
    tasks.spawn(every(shared(), |_| CLOCK_INTERVAL, discipline_clock));
    tasks.spawn(every(shared(), |_| REST_SUBSCRIPTIONS_INTERVAL, expire_rest_subscriptions));
    tasks.spawn(every(shared(), |_| REFUSAL_LOG_INTERVAL, flush_refusal_log));
    tasks.spawn(every(shared(), |_| OMITTED_LINES_INTERVAL, log_omitted_lines));
    tasks.spawn(now_and_every(shared(), |_| TRIM_INTERVAL, trim_audit));
    tasks.spawn(now_and_every(shared(), |_| TRIM_INTERVAL, trim));
    tasks.spawn(health_checks::check_health(shared()));
    tasks.spawn(mail_delivery::deliver(shared()));
    tasks
}

/// Cancels expired REST subscriptions and removes an expired backup.
async fn expire_rest_subscriptions(gateway: Arc<Gateway>) {
    let timeout_ms = gateway.settings().server.limits.polling_timeout_secs * 1_000;
    gateway.replica.backups.expire(gateway.clock.now());
    gateway.rest_subscriptions.expire(
        &gateway.replica.subscriptions,
        gateway.clock.now(),
        timeout_ms,
    );
}

async fn log_omitted_lines(_: Arc<Gateway>) {
    crate::platform::log_omitted_lines();
}

async fn discipline_clock(gateway: Arc<Gateway>) {
    gateway.clock.discipline();
}
