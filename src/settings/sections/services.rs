//! `[[services]]` and `[service_list]`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::DAY_SECS;
use crate::settings::range::RangeCheck;

/// A service that GUIs connect to after the login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// Its name, such as SBL_EVENT_HANDLER.
    pub name: String,
    /// Whether it requires TLS.
    #[serde(default)]
    pub encrypted: bool,
    /// Hosts on which it runs.
    pub hosts: Vec<HostSettings>,
}

/// One host of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// Host name or address.
    pub name: String,
    /// TCP port.
    pub port: u16,
}

/// How services are listed, checked and pushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceListSettings {
    /// Order in which a client is to try hosts: "static", "rotate" or "random".
    pub order: HostOrder,
    /// Connections that receive a changed list: "all", those "subscribed" to SERVICES, or none
    /// ("off").
    pub push: PushServices,
    /// Seconds between two health checks; a host that fails goes last; 0: no checks.
    pub health_check_secs: u64,
    /// Milliseconds within which a host must accept a connection.
    pub health_check_timeout_ms: u64,
}

/// Order in which hosts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum HostOrder {
    Static,
    Rotate,
    Random,
}

/// Connections that receive a changed service list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
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
            wrong.push("services.name has 1 to 128 bytes".to_owned());
        }
        if !names.insert(name) {
            wrong.push(format!("services has {name} twice"));
        }
        if service.hosts.is_empty() {
            wrong.push(format!("services.hosts of {name} is empty"));
        }
        for host in &service.hosts {
            if host.name.is_empty() || host.port == 0 {
                wrong.push(format!("services.hosts of {name} needs a name and a port above 0"));
            }
        }
    }
}
