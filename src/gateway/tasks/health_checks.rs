//! Background task that checks the health of service hosts and publishes changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::gateway::service_list::{HostPort, ServiceChange};
use crate::gateway::state::Gateway;
use crate::settings::PushServices;
use crate::subscriptions::ConnectionNotice;

/// Checks every host repeatedly, at the interval of the current configuration.
pub(super) async fn check_health(gateway: Arc<Gateway>) {
    loop {
        // The future is created before the settings are read, so that no reload is missed.
        let reloaded = gateway.reloaded.notified();
        let list = gateway.settings().service_list.clone();
        let timeout = Duration::from_millis(list.health_check_timeout_ms);
        // Without checks all hosts count as healthy.
        let hosts =
            if list.health_check_secs > 0 { gateway.services.hosts() } else { <_>::default() };
        let mut checks = JoinSet::new();
        for (name, port) in hosts {
            checks.spawn(async move {
                let connected =
                    tokio::time::timeout(timeout, TcpStream::connect((&*name, port))).await;
                ((name, port), matches!(connected, Ok(Ok(_))))
            });
        }
        let healthy: BTreeMap<HostPort, bool> = checks.join_all().await.into_iter().collect();
        let hosts = healthy.len();
        let failed = healthy.iter().filter(|(_, is_healthy)| !**is_healthy);
        let unreachable: Vec<_> =
            failed.map(|((name, port), _)| format!("{name}:{port}")).collect();
        if let Some(changed) = gateway.services.set_health(healthy) {
            let unreachable = unreachable.join(" ");
            tracing::info!(hosts, unreachable, "service health changed");
            publish_change(&gateway, &changed);
        }
        if list.health_check_secs > 0 {
            let interval = Duration::from_secs(list.health_check_secs);
            let _ = tokio::time::timeout(interval, reloaded).await;
        } else {
            reloaded.await;
        }
    }
}

/// Publishes a change of the service list to the subscribers of SERVICES, unless
/// `service_list.push` is `off`. If it is `all`, also sends an EVENT_HEARTBEAT_ACK without a
/// heartbeat to every live session.
pub fn publish_change(gateway: &Gateway, changed: &ServiceChange) {
    let push = gateway.settings().service_list.push;
    if push != PushServices::Off {
        gateway.replica.subscriptions.publish_services(&changed.now, &changed.before);
    }
    if push != PushServices::All {
        return;
    }
    gateway.replica.sessions.each(|session| {
        let frame = gateway.services.pushed_frame(session.session);
        session.notify_all(&ConnectionNotice::Services(session.session, frame));
    });
}
