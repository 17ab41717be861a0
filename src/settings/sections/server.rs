//! `[server]` and `[server.limits]`.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::TlsSettings;
use crate::realm::{DAY_SECS, Location};
use crate::settings::range::RangeCheck;

/// Addresses and forms of messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address of the gateway; port 0 picks a free one.
    pub listen: String,
    /// The address of metrics and health; empty: off.
    pub management_listen: String,
    /// PRODUCT.NAME in the login ack.
    pub product_name: String,
    /// The last part of generated ids: 1 to 8 of A-Z 0-9.
    pub location: String,
    /// Origins of browsers that may connect; the same origin only when empty.
    pub allowed_origins: Vec<String>,
    /// Addresses or ranges of proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<AddressRange>,
    /// Whether a NACK over REST has the HTTP status of its code; false: 200, as in the Genesis REST
    /// API.
    pub strict_http_status: bool,
    /// Whether passwords may travel in clear off loopback, since a TLS proxy is in front.
    pub allow_plaintext: bool,
    /// Form of SYSTEM.DATE: "genesis_rest" (Sun Jan 21 20:53:48 UTC 2018) or "genesis_auth"
    /// (2014-06-18 12:27:01).
    pub system_date_format: SystemDateFormat,
    /// Names of refusals: "event" (EVENT_LOGIN_AUTH_NACK) or "legacy" (LOGIN_AUTH_NACK).
    pub nack_naming: NackNaming,
    /// Names of acks of record events: "specific" (EVENT_INSERT_PROFILE_ACK) or "generic"
    /// (EVENT_ACK).
    pub ack_naming: AckNaming,
    /// Whether a shutdown sends a close "code" with SESSION_ENDED, or drops connections ("drop").
    pub shutdown_close: ShutdownClose,
    /// Seconds that a shutdown waits for connections to end.
    pub shutdown_grace_secs: u64,
    /// TLS on the port of the gateway.
    pub tls: TlsSettings,
    /// Limits of connections, addresses and messages.
    pub limits: ServerLimits,
}

/// The form of SYSTEM.DATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum SystemDateFormat {
    #[serde(alias = "s0")]
    GenesisRest,
    #[serde(alias = "s2")]
    GenesisAuth,
}

/// Naming of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum NackNaming {
    Event,
    Legacy,
}

/// Naming of acks of record events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum AckNaming {
    Specific,
    Generic,
}

/// How connections end at a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum ShutdownClose {
    Code,
    Drop,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9064".to_owned(),
            management_listen: "127.0.0.1:9065".to_owned(),
            product_name: "tollgate".to_owned(),
            location: "SP0".to_owned(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            strict_http_status: false,
            allow_plaintext: false,
            system_date_format: SystemDateFormat::GenesisRest,
            nack_naming: NackNaming::Event,
            ack_naming: AckNaming::Specific,
            shutdown_close: ShutdownClose::Code,
            shutdown_grace_secs: 10,
            tls: TlsSettings::default(),
            limits: ServerLimits::default(),
        }
    }
}

/// Limits of connections, addresses and messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLimits {
    /// Bytes of one WebSocket frame.
    pub frame_bytes: usize,
    /// Bytes of the body of one REST request.
    pub body_bytes: usize,
    /// Bytes of one message of several frames.
    pub message_bytes: usize,
    /// Nesting of a message.
    pub json_depth: usize,
    /// Open connections.
    pub connections_max: usize,
    /// Open connections of one address.
    pub connections_per_address_max: usize,
    /// Seconds until an unauthenticated connection is closed.
    pub login_timeout_secs: u64,
    /// Open subscriptions of one connection.
    pub subscriptions_per_session: usize,
    /// Messages of one connection that may wait to be served; with as many, its socket is not read.
    pub queued_messages_per_connection: usize,
    /// Messages a second of one connection; ten times as many close it.
    pub messages_per_sec_per_connection: u32,
    /// Failed logins a minute of one address; 0: any number.
    pub failed_logins_per_min_per_address: u32,
    /// Addresses or ranges (10.0.0.0/8) without limits by address: proxies and load testers.
    pub exempt_addresses: Vec<AddressRange>,
    /// Seconds without a poll after which a subscription over REST ends.
    pub polling_timeout_secs: u64,
    /// Bytes of rows that may wait for a slow client.
    pub outbox_bytes: usize,
    /// Seconds without progress of a write after which the connection is closed.
    pub write_timeout_secs: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            frame_bytes: 262_144,
            body_bytes: 262_144,
            message_bytes: 2_621_440,
            json_depth: 32,
            connections_max: 100_000,
            connections_per_address_max: 1_000,
            login_timeout_secs: 30,
            subscriptions_per_session: 100,
            queued_messages_per_connection: 32,
            messages_per_sec_per_connection: 500,
            failed_logins_per_min_per_address: 20,
            exempt_addresses: Vec::new(),
            polling_timeout_secs: 60,
            outbox_bytes: 262_144,
            write_timeout_secs: 10,
        }
    }
}

impl ServerSettings {
    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        self.check_addresses(wrong);
        if self.product_name.is_empty() {
            wrong.push("server.product_name is not empty".to_owned());
        }
        if Location::parse(&self.location).is_none() {
            wrong.push("server.location is 1 to 8 of A-Z 0-9".to_owned());
        }
        for origin in self.allowed_origins.iter().filter(|origin| !is_origin(origin)) {
            wrong.push(format!(
                "server.allowed_origins has {origin:?}; a browser sends a scheme, a host in lower \
                 case and perhaps a port, like https://desk.example:8443, and no path"
            ));
        }
        wrong.range("server.shutdown_grace_secs", self.shutdown_grace_secs, 0..=DAY_SECS);
        self.tls.check(wrong);
        self.limits.check(wrong);
    }

    /// Whether only this machine can reach the gateway.
    pub(in crate::settings) fn is_on_loopback(&self) -> bool {
        let listen = self.listen.parse::<SocketAddr>();
        listen.is_ok_and(|at| at.ip().to_canonical().is_loopback())
    }

    fn check_addresses(&self, wrong: &mut Vec<String>) {
        let listen = self.listen.parse::<SocketAddr>();
        match &listen {
            Ok(at)
                if !(at.ip().to_canonical().is_loopback()
                    || self.tls.is_on()
                    || self.allow_plaintext) =>
            {
                wrong.push(format!(
                    "server.listen is {at}, off loopback without TLS: passwords would travel in \
                     clear; set server.tls, or put a TLS proxy in front and set \
                     server.allow_plaintext = true"
                ))
            }
            Ok(_) => {}
            Err(_) => wrong.push(format!(
                "server.listen {:?} is not an address like 127.0.0.1:9064",
                self.listen
            )),
        }
        let management = &self.management_listen;
        match management.parse::<SocketAddr>() {
            Ok(at) if at.port() > 0 && listen == Ok(at) => {
                wrong.push(format!("server.management_listen and server.listen are both {at}"));
            }
            Err(_) if !management.is_empty() => {
                wrong.push(format!("server.management_listen {management:?} is not an address"));
            }
            _ => {}
        }
    }
}

/// Whether a browser could send it as its Origin.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, host)| host);
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '*']))
        && !text.contains(|c: char| c.is_ascii_uppercase())
}

impl ServerLimits {
    /// Whether no limit by address holds for it.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt_addresses.iter().any(|range| range.contains(address))
    }

    fn check(&self, wrong: &mut Vec<String>) {
        let sizes = [
            ("frame_bytes", self.frame_bytes),
            ("body_bytes", self.body_bytes),
            ("message_bytes", self.message_bytes),
            ("outbox_bytes", self.outbox_bytes),
        ];
        for (key, size) in sizes {
            wrong.range(format!("server.limits.{key}"), size, 1..=BYTES_MAX);
        }
        if self.message_bytes < self.frame_bytes {
            wrong.push("server.limits.message_bytes is at least frame_bytes".to_owned());
        }
        let waits = [
            ("login_timeout_secs", self.login_timeout_secs),
            ("write_timeout_secs", self.write_timeout_secs),
            ("polling_timeout_secs", self.polling_timeout_secs),
        ];
        for (key, secs) in waits {
            wrong.range(format!("server.limits.{key}"), secs, 1..=DAY_SECS);
        }
        let above_zero = [
            ("connections_max", self.connections_max),
            ("connections_per_address_max", self.connections_per_address_max),
            ("subscriptions_per_session", self.subscriptions_per_session),
            ("queued_messages_per_connection", self.queued_messages_per_connection),
            ("messages_per_sec_per_connection", self.messages_per_sec_per_connection as usize),
        ];
        for (key, value) in above_zero {
            wrong.above_zero(format!("server.limits.{key}"), value);
        }
        wrong.range("server.limits.json_depth", self.json_depth, 2..=128);
    }
}

/// Bounds beyond which sums of limits could overflow.
const BYTES_MAX: usize = 1 << 30;

/// An address, or all addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Whether every address of its kind is in it.
    pub fn is_all_addresses(&self) -> bool {
        self.bits == 0
    }

    /// Whether the address is in the range; `::ffff:10.0.0.1`, as a socket on `[::]` sees it, is
    /// 10.0.0.1.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let masked = |address: IpAddr| match address {
            IpAddr::V4(it) => {
                let bits = u32::from(it).checked_shr(32 - u32::from(self.bits)).unwrap_or(0);
                (4, u128::from(bits))
            }
            IpAddr::V6(it) => {
                (6, u128::from(it).checked_shr(128 - u32::from(self.bits)).unwrap_or(0))
            }
        };
        address.is_ipv4() == self.address.is_ipv4() && masked(address) == masked(self.address)
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }
}

impl Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.bits))
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("not an address or a range like 10.0.0.0/8");
        Self::parse(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_begins_alike() {
        let range = |text| AddressRange::parse(text).unwrap();
        assert!(range("127.0.0.0/8").contains([127, 9, 9, 9].into()));
        assert!(!range("127.0.0.0/8").contains([128, 0, 0, 1].into()));
        assert!(range("0.0.0.0/0").contains([1, 2, 3, 4].into()));
        assert!(range("::/0").contains("2001::1".parse().unwrap()));
        assert!(!range("::/0").contains([1, 2, 3, 4].into()));
        assert!(range("10.0.0.1").contains([10, 0, 0, 1].into()));
        assert!(range("127.0.0.0/8").contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(AddressRange::parse("10.0.0.1/33").is_none());
    }

    #[test]
    fn origins_are_what_browsers_send() {
        assert!(is_origin("https://desk.example:8443") && is_origin("http://[::1]:4200"));
        for wrong in ["desk.example", "https://desk.example/", "https://Desk.example", "*", "a://"]
        {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn limits_that_would_overflow_or_contradict_are_refused() {
        let mut server = ServerSettings {
            management_listen: "127.0.0.1:9064".into(),
            ..ServerSettings::default()
        };
        server.limits.outbox_bytes = usize::MAX;
        server.limits.login_timeout_secs = u64::MAX;
        server.limits.message_bytes = 1;
        let mut wrong = Vec::new();
        server.check(&mut wrong);
        assert_eq!(wrong.len(), 4, "{wrong:?}");
    }
}
