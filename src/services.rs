//! The services that GUIs connect to: from the configuration, in an order to try, failing hosts
//! last.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::feed::row::{DataRow, Field};
use crate::feed::{Services, source::RowRef};
use crate::realm::SessionNo;
use crate::settings::{Order, Service, ServiceList};

/// A host by the position of its service and its own in the configuration.
pub type HostAt = (usize, usize);

/// DETAILS of EVENT_HEARTBEAT_ACK, ready to be written: the orders in which hosts are named.
#[derive(Debug)]
pub struct Listing {
    orders: [Arc<RawValue>; ORDERS],
    rows: Services,
}

/// Orders that are kept ready for `rotate` and `random`.
const ORDERS: usize = 16;

/// The list of services as it is now. Every heartbeat reads it, without a lock.
pub struct ServiceBoard {
    services: Vec<Service>,
    order: Order,
    listing: ArcSwap<Listing>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Details<'a> {
    service: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Listed<'a> {
    name: &'a str,
    encrypted: bool,
    host: Vec<ListedHost<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct ListedHost<'a> {
    name: &'a str,
    port: u16,
}

impl ServiceBoard {
    /// All services, all healthy.
    pub fn new(services: Vec<Service>, list: &ServiceList) -> Self {
        let order = list.order;
        let listing = ArcSwap::from_pointee(listing(&services, order, &BTreeMap::new()));
        Self { services, order, listing }
    }

    /// DETAILS of a heartbeat's answer; a session always gets the same order.
    pub fn details(&self, session: SessionNo) -> Arc<RawValue> {
        let listing = self.listing.load();
        listing.orders[session.0 as usize % ORDERS].clone()
    }

    /// The rows of the data source SERVICES.
    pub fn rows(&self) -> Services {
        self.listing.load().rows.clone()
    }

    /// Every host with its address, for the health checks.
    pub fn hosts(&self) -> Vec<(HostAt, String, u16)> {
        let hosts = |(at, service): (usize, &Service)| {
            let hosts = service.hosts.iter().enumerate();
            hosts.map(|(host, it)| ((at, host), it.name.clone(), it.port)).collect::<Vec<_>>()
        };
        self.services.iter().enumerate().flat_map(hosts).collect()
    }

    /// Takes in the result of a health check. The rows before and after if the list is different.
    pub fn checked(&self, healthy: &BTreeMap<HostAt, bool>) -> Option<(Services, Services)> {
        let (old, new) = (self.listing.load_full(), listing(&self.services, self.order, healthy));
        let same = |(a, b): (&Arc<RawValue>, &Arc<RawValue>)| a.get() == b.get();
        let health =
            |rows: &Services| rows.values().map(|row| row.field(5).clone()).collect::<Vec<_>>();
        if old.orders.iter().zip(&new.orders).all(same) && health(&old.rows) == health(&new.rows) {
            return None;
        }
        let rows = (old.rows.clone(), new.rows.clone());
        self.listing.store(Arc::new(new));
        Some(rows)
    }
}

fn listing(services: &[Service], order: Order, healthy: &BTreeMap<HostAt, bool>) -> Listing {
    let is_healthy =
        |service: usize, host: usize| healthy.get(&(service, host)).copied().unwrap_or(true);
    let arranged = |turn: usize, service: usize| {
        let hosts = services.get(service).map_or(&[][..], |it| &it.hosts);
        let mut at: Vec<usize> = (0..hosts.len()).collect();
        match order {
            Order::Static => {}
            Order::Rotate => at.rotate_left(turn % hosts.len().max(1)),
            Order::Random => at.sort_by_key(|host| scatter(turn, service, *host)),
        }
        at.sort_by_key(|host| !is_healthy(service, *host));
        at
    };
    let details = |turn: usize| {
        let service = services.iter().enumerate().map(|(at, service)| Listed {
            name: &service.name,
            encrypted: service.encrypted,
            host: arranged(turn, at).into_iter().filter_map(|host| show(service, host)).collect(),
        });
        let service = service.collect();
        serde_json::value::to_raw_value(&Details { service })
            .unwrap_or_else(|_| RawValue::NULL.to_owned())
    };
    let orders = std::array::from_fn(|turn| Arc::from(details(turn)));
    let mut rows = Services::new();
    for (at, service) in services.iter().enumerate() {
        for (position, host) in arranged(0, at).into_iter().enumerate() {
            let Some(it) = service.hosts.get(host) else { continue };
            let row = DataRow::new([
                Field::text(&*service.name),
                Field::Flag(service.encrypted),
                Field::text(&*it.name),
                Field::Number(i64::from(it.port)),
                Field::Number(position as i64),
                Field::Flag(is_healthy(at, host)),
                Field::Number(1),
            ]);
            rows.insert(reference(&service.name, &it.name, it.port), Arc::new(row));
        }
    }
    Listing { orders, rows }
}

fn show(service: &Service, host: usize) -> Option<ListedHost<'_>> {
    service.hosts.get(host).map(|host| ListedHost { name: &host.name, port: host.port })
}

/// Spreads hosts for `random`: fixed for one order, different between orders.
fn scatter(turn: usize, service: usize, host: usize) -> u64 {
    let mixed = (turn as u64 * 0x9e37_79b9 + service as u64 * 0x85eb_ca6b + host as u64 + 1)
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 29)
}

/// ROW_REF of a host: FNV-1a over what names it, so that it is the same after a restart.
fn reference(service: &str, host: &str, port: u16) -> RowRef {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let text = format!("{service}|{host}|{port}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 1
}
