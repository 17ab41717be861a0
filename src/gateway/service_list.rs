//! The services that GUIs connect to: from the configuration, in an order to try, failing hosts
//! last.

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
/// Where a host listens: its name and port.
pub type HostPort = (String, u16);

/// DETAILS of EVENT_HEARTBEAT_ACK, ready to be written: the orders in which hosts are named.
#[derive(Debug)]
pub struct RenderedLists {
    orders: [Box<RawValue>; ORDERS],
    /// The frames that push these orders.
    pushed: [Arc<[u8]>; ORDERS],
    rows: ServiceRows,
}

/// Orders that are kept ready for `rotate` and `random`.
const ORDERS: usize = 16;

/// The list of services as it is now. Every heartbeat reads it, without a lock.
pub struct ServiceList {
    state: Mutex<State>,
    rendered: ArcSwap<RenderedLists>,
}

/// One order of the listing, to be written. It borrows: a count that all sockets share would go
/// from core to core.
pub struct ServiceListJson {
    rendered: Guard<Arc<RenderedLists>>,
    order: usize,
}

impl Serialize for ServiceListJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rendered.orders[self.order].serialize(serializer)
    }
}

/// What a listing is made of.
struct State {
    services: Vec<ServiceSettings>,
    order: HostOrder,
    healthy: BTreeMap<HostPort, bool>,
}

/// The rows of SERVICES before and after a change.
pub struct ServiceChange {
    /// As they were.
    pub before: ServiceRows,
    /// As they are.
    pub now: ServiceRows,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Details<'a> {
    service: Vec<Listed<'a>>,
    /// Whether no heartbeat asked for it.
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
    /// All services, all healthy.
    pub fn new(services: Vec<ServiceSettings>, list: &ServiceListSettings) -> Self {
        let known = State { services, order: list.order, healthy: BTreeMap::new() };
        Self { rendered: ArcSwap::from_pointee(known.render()), state: Mutex::new(known) }
    }

    /// Takes in another configuration; what is known of the health of hosts stays.
    pub fn apply_settings(
        &self,
        services: Vec<ServiceSettings>,
        list: &ServiceListSettings,
    ) -> Option<ServiceChange> {
        self.change(|known| {
            known.services = services;
            known.order = list.order;
        })
    }

    /// DETAILS of a heartbeat's answer; a session always gets the same order.
    pub fn details(&self, session: SessionNo) -> ServiceListJson {
        ServiceListJson { rendered: self.rendered.load(), order: order_of(session) }
    }

    /// The frame of a heartbeat's answer that no heartbeat asked for, in the order of this session.
    pub fn pushed_frame(&self, session: SessionNo) -> Arc<[u8]> {
        self.rendered.load().pushed[order_of(session)].clone()
    }

    /// The rows of the data source SERVICES.
    pub fn rows(&self) -> ServiceRows {
        self.rendered.load().rows.clone()
    }

    /// Every host once, for the health checks.
    pub fn hosts(&self) -> BTreeSet<HostPort> {
        let known = self.state.lock();
        let hosts = known.services.iter().flat_map(|service| &service.hosts);
        hosts.map(|host| (host.name.clone(), host.port)).collect()
    }

    /// Takes in the result of a health check; a host that is not in it is taken for healthy.
    pub fn set_health(&self, healthy: BTreeMap<HostPort, bool>) -> Option<ServiceChange> {
        self.change(|known| known.healthy = healthy)
    }

    /// None if the list is the same afterwards.
    fn change(&self, change: impl FnOnce(&mut State)) -> Option<ServiceChange> {
        let mut known = self.state.lock();
        change(&mut known);
        let (old, new) = (self.rendered.load_full(), known.render());
        let texts =
            |listing: &RenderedLists| listing.orders.each_ref().map(|it| it.get().to_owned());
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

    /// The hosts of a service in the order of this turn, failing ones last.
    fn ordered_hosts<'a>(
        &self,
        turn: usize,
        at: usize,
        service: &'a ServiceSettings,
    ) -> Vec<&'a HostSettings> {
        let mut hosts: Vec<(usize, &HostSettings)> = service.hosts.iter().enumerate().collect();
        match self.order {
            HostOrder::Static => {}
            HostOrder::Rotate => hosts.rotate_left(turn % service.hosts.len().max(1)),
            HostOrder::Random => hosts.sort_by_key(|(host, _)| shuffle_key(turn, at, *host)),
        }
        hosts.sort_by_key(|(_, host)| !self.is_healthy(host));
        hosts.into_iter().map(|(_, host)| host).collect()
    }

    fn details(&self, turn: usize) -> Details<'_> {
        let listed = |host: &HostSettings| ListedHost { name: host.name.clone(), port: host.port };
        let service = self.services.iter().enumerate().map(|(at, service)| Listed {
            name: &service.name,
            encrypted: service.encrypted,
            host: self.ordered_hosts(turn, at, service).into_iter().map(listed).collect(),
        });
        Details { service: service.collect(), pushed: false }
    }

    fn details_json(&self, turn: usize) -> Box<RawValue> {
        to_raw_json(&self.details(turn))
    }

    fn pushed_frame(&self, turn: usize) -> Arc<[u8]> {
        let mut frame = Vec::new();
        protocol::envelope::write_head(&mut frame, "EVENT_HEARTBEAT_ACK", None);
        frame.extend_from_slice(b",\"DETAILS\":");
        let details = Details { pushed: true, ..self.details(turn) };
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
                rows.insert(reference(&service.name, &it.name, it.port), row);
            }
        }
        RenderedLists {
            orders: std::array::from_fn(|turn| self.details_json(turn)),
            pushed: std::array::from_fn(|turn| self.pushed_frame(turn)),
            rows,
        }
    }
}

/// Which of the orders a session gets.
fn order_of(session: SessionNo) -> usize {
    session.0 as usize % ORDERS
}

/// Spreads hosts for `random`: fixed for one order, different between orders.
fn shuffle_key(turn: usize, service: usize, host: usize) -> u64 {
    let mixed = (turn as u64 * 0x9e37_79b9 + service as u64 * 0x85eb_ca6b + host as u64 + 1)
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 29)
}

/// ROW_REF of a host: a hash of its service, name and port, so that it is the same after a restart.
fn reference(service: &str, host: &str, port: u16) -> RowRef {
    fnv1a(format!("{service}|{host}|{port}").as_bytes()) >> 1
}
