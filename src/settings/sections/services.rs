//! The sections `[[services]]` and `[service_list]`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::DAY_SECS;
use crate::settings::range::RangeCheck;

/// A service that GUIs connect to after the login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// Unique name of the service, such as SBL_EVENT_HANDLER; 1 to 128 bytes.
    pub name: String,
    /// Whether clients must connect to the service with TLS.
    #[serde(default)]
    pub encrypted: bool,
    /// Hosts on which the service runs; at least one.
    pub hosts: Vec<HostSettings>,
}

/// One host of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// Host name or IP address.
    pub name: String,
    /// TCP port, above 0.
    pub port: u16,
}

/// Order, health checks and pushes of the service list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceListSettings {
    /// Order in which a session receives the hosts of a service: "static", as configured; "rotate",
    /// beginning with another host for each session; "random", shuffled for each session. Hosts
    /// that fail the health check are always last.
    pub order: HostOrder,
    /// What is sent if the list changes: "all", every connection with a session gets an
    /// EVENT_HEARTBEAT_ACK that it did not request, and each subscription to SERVICES gets the
    /// changed rows; "subscribed", only these rows; "off", nothing.
    pub push: PushServices,
    /// Seconds between two health checks, 0 to 86400; 0: no checks. A check opens a TCP connection
    /// to each host.
    pub health_check_secs: u64,
    /// Milliseconds in which a host must accept the connection of a health check, 10 to 60000.
    pub health_check_timeout_ms: u64,
}

/// Order in which hosts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum HostOrder {
    Static,
    Rotate,
    Random,
}

/// Connections that receive a changed service list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum PushServices {
    All,
    Subscribed,
    Off,
}

impl Default for ServiceListSettings {
    fn default() -> Self {
        Self {
            order: HostOrder::Static,
            push: PushServices::All,
            health_check_secs: 10,
            health_check_timeout_ms: 1_000,
        }
    }
}

impl ServiceListSettings {
    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        let timeout_ms = self.health_check_timeout_ms;
        wrong.range("service_list.health_check_timeout_ms", timeout_ms, 10..=60_000);
        wrong.range("service_list.health_check_secs", self.health_check_secs, 0..=DAY_SECS);
    }
}

pub(in crate::settings) fn check(services: &[ServiceSettings], wrong: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for service in services {
        let name = &service.name;
        if name.is_empty() || name.len() > 128 {
            wrong.push("services.name must have 1 to 128 bytes".to_owned());
        }
        if !names.insert(name) {
            wrong.push(format!("services: the name {name:?} is not unique; rename a service"));
        }
        if service.hosts.is_empty() {
            wrong.push(format!("services.hosts of {name:?} must not be empty"));
        }
        for host in &service.hosts {
            if host.name.is_empty() || host.port == 0 {
                wrong.push(format!(
                    "services.hosts of {name:?} must each have a name and a port above 0"
                ));
            }
        }
    }
}
