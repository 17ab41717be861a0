//! Health checks of the services, and who is told of a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::gateway::service_list::{HostPort, ServiceChange};
use crate::gateway::state::Gateway;
use crate::settings::PushServices;
use crate::subscriptions::ConnectionNotice;
/// Looks at every host again and again, as often as the configuration says at the time.
pub(super) async fn check_health(gateway: Arc<Gateway>) {
    loop {
        let reloaded = gateway.reloaded.notified();
        let list = gateway.settings().service_list.clone();
        let timeout = Duration::from_millis(list.health_check_timeout_ms);
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
        let (hosts, well) = (healthy.len(), healthy.values().filter(|it| **it).count());
        if let Some(changed) = gateway.services.set_health(healthy) {
            tracing::info!(healthy = well, hosts, "services changed");
            publish_change(&gateway, &changed);
        }
        if list.health_check_secs > 0 {
            let distance = Duration::from_secs(list.health_check_secs);
            let _ = tokio::time::timeout(distance, reloaded).await;
        } else {
            reloaded.await;
        }
    }
}

/// Tells of a change whoever the configuration wants told: subscribers of SERVICES, or all sockets
/// by a heartbeat's answer that nobody asked for.
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
