//! Service list: the services that GUIs connect to, with hosts in the order to try.
//!
//! Services and hosts are those of the configuration. Hosts that fail their health check are last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use protocol::{to_raw_json, write_json};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::realm::{SessionNo, fnv1a};
use crate::settings::{HostOrder, HostSettings, ServiceListSettings, ServiceSettings};
use crate::subscriptions::{DataRow, FieldValue, RowRef, ServiceRows};

/// Name and port of a host.
pub type HostPort = (String, u16);

/// The service list, encoded in each order of the hosts, and the rows of the data source SERVICES.
#[derive(Debug)]
pub struct RenderedLists {
    /// DETAILS of EVENT_HEARTBEAT_ACK as the reply to a heartbeat, by order number.
    orders: [Box<RawValue>; ORDERS],
    /// Frames of EVENT_HEARTBEAT_ACK to send without a heartbeat, by order number.
    pushed: [Arc<[u8]>; ORDERS],
    rows: ServiceRows,
}

/// Number of orders that are encoded; with `HostOrder::Static` all of them are the same.
const ORDERS: usize = 16;

/// The current service list. Every heartbeat reads it, without a lock.
pub struct ServiceList {
    state: Mutex<State>,
    rendered: ArcSwap<RenderedLists>,
}

/// One order of the service list, for serialization. It holds a guard and no `Arc`, because all
/// connections would contend on the reference count of an `Arc`.
pub struct ServiceListJson {
    rendered: Guard<Arc<RenderedLists>>,
    order: usize,
}

impl Serialize for ServiceListJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rendered.orders[self.order].serialize(serializer)
    }
}

/// The data that the lists are rendered from.
struct State {
    services: Vec<ServiceSettings>,
    order: HostOrder,
    /// Results of the health checks. A host without a result counts as healthy.
    healthy: BTreeMap<HostPort, bool>,
}

/// The rows of the data source SERVICES before and after a change.
pub struct ServiceChange {
    /// Rows before the change.
    pub before: ServiceRows,
    /// Rows after the change.
    pub now: ServiceRows,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Details<'a> {
    service: Vec<Listed<'a>>,
    /// Whether the message is sent without a heartbeat; omitted if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pushed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Listed<'a> {
    name: &'a str,
    encrypted: bool,
    host: Vec<ListedHost>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct ListedHost {
    name: String,
    port: u16,
}

impl ServiceList {
    /// Creates a list of these services; all hosts count as healthy.
    pub fn new(services: Vec<ServiceSettings>, list: &ServiceListSettings) -> Self {
        let state = State { services, order: list.order, healthy: BTreeMap::new() };
        Self { rendered: ArcSwap::from_pointee(state.render()), state: Mutex::new(state) }
    }

    /// Applies a new configuration; the health of hosts is kept. Returns `None` if the list stays
    /// the same.
    pub fn apply_settings(
        &self,
        services: Vec<ServiceSettings>,
        list: &ServiceListSettings,
    ) -> Option<ServiceChange> {
        self.change(|state| {
            state.services = services;
            state.order = list.order;
        })
    }

    /// Returns DETAILS of EVENT_HEARTBEAT_ACK. A session always gets the order with the
    /// same number.
    pub fn details(&self, session: SessionNo) -> ServiceListJson {
        ServiceListJson { rendered: self.rendered.load(), order: order_of(session) }
    }

    /// Returns the frame of an EVENT_HEARTBEAT_ACK that is sent without a heartbeat, in the order
    /// of this session.
    pub fn pushed_frame(&self, session: SessionNo) -> Arc<[u8]> {
        self.rendered.load().pushed[order_of(session)].clone()
    }

    /// Returns the rows of the data source SERVICES.
    pub fn rows(&self) -> ServiceRows {
        self.rendered.load().rows.clone()
    }

    /// Returns every host once, for the health checks.
    pub fn hosts(&self) -> BTreeSet<HostPort> {
        let state = self.state.lock();
        let hosts = state.services.iter().flat_map(|service| &service.hosts);
        hosts.map(|host| (host.name.clone(), host.port)).collect()
    }

    /// Applies the results of the health checks; a host without a result counts as healthy. Returns
    /// `None` if the list stays the same.
    pub fn set_health(&self, healthy: BTreeMap<HostPort, bool>) -> Option<ServiceChange> {
        self.change(|state| state.healthy = healthy)
    }

    /// Changes the state and renders the lists; `None` if they stay the same.
    fn change(&self, change: impl FnOnce(&mut State)) -> Option<ServiceChange> {
        let mut state = self.state.lock();
        change(&mut state);
        let (old, new) = (self.rendered.load_full(), state.render());
        let texts =
            |listing: &RenderedLists| listing.orders.each_ref().map(|it| it.get().to_owned());
        // A change of health (field 5) need not change the order: a service may have only one host.
        let health =
            |rows: &ServiceRows| rows.values().map(|row| row.field(5).clone()).collect::<Vec<_>>();
        if texts(&old) == texts(&new) && health(&old.rows) == health(&new.rows) {
            return None;
        }
        let changed = ServiceChange { before: old.rows.clone(), now: new.rows.clone() };
        self.rendered.store(Arc::new(new));
        Some(changed)
    }
}

impl State {
    fn is_healthy(&self, host: &HostSettings) -> bool {
        self.healthy.get(&(host.name.clone(), host.port)).copied().unwrap_or(true)
    }

    /// Returns the hosts of a service in the order with the number `order_no`, but unhealthy hosts
    /// last. `at` is the index of the service.
    fn ordered_hosts<'a>(
        &self,
        order_no: usize,
        at: usize,
        service: &'a ServiceSettings,
    ) -> Vec<&'a HostSettings> {
        let mut hosts: Vec<(usize, &HostSettings)> = service.hosts.iter().enumerate().collect();
        match self.order {
            HostOrder::Static => {}
            HostOrder::Rotate => hosts.rotate_left(order_no % service.hosts.len().max(1)),
            HostOrder::Random => hosts.sort_by_key(|(host, _)| shuffle_key(order_no, at, *host)),
        }
        hosts.sort_by_key(|(_, host)| !self.is_healthy(host));
        hosts.into_iter().map(|(_, host)| host).collect()
    }

    fn details(&self, order_no: usize) -> Details<'_> {
        let listed = |host: &HostSettings| ListedHost { name: host.name.clone(), port: host.port };
        let service = self.services.iter().enumerate().map(|(at, service)| Listed {
            name: &service.name,
            encrypted: service.encrypted,
            host: self.ordered_hosts(order_no, at, service).into_iter().map(listed).collect(),
        });
        Details { service: service.collect(), pushed: false }
    }

    fn details_json(&self, order_no: usize) -> Box<RawValue> {
        to_raw_json(&self.details(order_no))
    }

    fn pushed_frame(&self, order_no: usize) -> Arc<[u8]> {
        let mut frame = Vec::new();
        protocol::envelope::write_head(&mut frame, "EVENT_HEARTBEAT_ACK", None);
        frame.extend_from_slice(b",\"DETAILS\":");
        let details = Details { pushed: true, ..self.details(order_no) };
        write_json(&mut frame, &details);
        frame.push(b'}');
        frame.into()
    }

    fn render(&self) -> RenderedLists {
        let mut rows = ServiceRows::new();
        for (at, service) in self.services.iter().enumerate() {
            for (position, it) in self.ordered_hosts(0, at, service).into_iter().enumerate() {
                let row = DataRow::new([
                    FieldValue::text(&*service.name),
                    FieldValue::Flag(service.encrypted),
                    FieldValue::text(&*it.name),
                    FieldValue::Number(i64::from(it.port)),
                    FieldValue::Number(position as i64),
                    FieldValue::Flag(self.is_healthy(it)),
                    FieldValue::Number(1),
                ]);
                rows.insert(row_ref(&service.name, &it.name, it.port), row);
            }
        }
        RenderedLists {
            orders: std::array::from_fn(|order_no| self.details_json(order_no)),
            pushed: std::array::from_fn(|order_no| self.pushed_frame(order_no)),
            rows,
        }
    }
}

/// Returns the number of the order that a session gets.
fn order_of(session: SessionNo) -> usize {
    session.0 as usize % ORDERS
}

/// Returns the sort key of a host for `HostOrder::Random`. The key is the same whenever an order is
/// encoded, and differs between orders.
fn shuffle_key(order_no: usize, service: usize, host: usize) -> u64 {
    let mixed = (order_no as u64 * 0x9e37_79b9 + service as u64 * 0x85eb_ca6b + host as u64 + 1)
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 29)
}

/// Returns ROW_REF of a host: a hash of service name, host name and port, which stays the same
/// after a restart.
fn row_ref(service: &str, host: &str, port: u16) -> RowRef {
    fnv1a(format!("{service}|{host}|{port}").as_bytes()) >> 1
}
