//! The sections `[server]` and `[server.limits]`.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address_range::AddressRange;
use super::tls::TlsSettings;
use crate::realm::{DAY_SECS, Location};
use crate::settings::range::RangeCheck;

/// Addresses, message formats, TLS and limits of the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// IP address and port on which the gateway listens; port 0: any free port. An address that is
    /// not a loopback address requires `tls` or `allow_plaintext`. A change takes effect at the
    /// next start.
    pub listen: String,
    /// IP address and port for metrics and the health of the gateway, which are served without TLS
    /// and without a login; empty: off. Must differ from `listen`. A change takes effect at the
    /// next start.
    pub management_listen: String,
    /// Name of the product in the login ack (PRODUCT.NAME) and in mails with a generated password;
    /// must not be empty.
    pub product_name: String,
    /// Last part of the ids of new users, profiles and rights, such as 00000000000001USSP0: 1 to 8
    /// characters of A-Z and 0-9.
    pub location: String,
    /// Origins of web pages that may connect, such as `https://desk.example:8443`, in addition to
    /// the origin of the gateway itself; empty: no others. `https://*.desk.example` stands for all
    /// hosts below desk.example, `null` for sandboxed pages and `file://` for local files. Programs
    /// that send no Origin header may always connect.
    pub allowed_origins: Vec<String>,
    /// Names by which browsers may address the gateway, in lower case, without a port, such as
    /// `gateway.example` or `*.desk.example`. IP addresses, localhost and the hosts of
    /// `allowed_origins` are always good. A request with another Host and an Origin is refused with
    /// HTTP status 421. Empty: on a loopback address no other names, on other addresses any name.
    pub hosts: Vec<String>,
    /// IP addresses or ranges (10.0.0.0/8) of proxies. For their connections, the address of the
    /// client is read from X-Forwarded-For, or without it from Forwarded. Limits, locks, the log
    /// and the audit trail use this address. Empty: the headers are ignored.
    pub trusted_proxies: Vec<AddressRange>,
    /// Whether a NACK over REST has the HTTP status of its code; false: status 200, as in the
    /// Genesis REST API. A request that the gateway cannot read as a message always gets the status
    /// of the error.
    pub strict_http_status: bool,
    /// Whether the gateway may listen without TLS on an address that is not a loopback address;
    /// false: the gateway does not start on such an address without TLS. For use behind a TLS proxy
    /// only.
    pub allow_plaintext: bool,
    /// Format of SYSTEM.DATE in the login ack: "genesis_rest" (Sun Jan 21 20:53:48 UTC 2018) or
    /// "genesis_auth" (2014-06-18 12:27:01).
    pub system_date_format: SystemDateFormat,
    /// MESSAGE_TYPE of NACKs: "event" (EVENT_LOGIN_AUTH_NACK) or "legacy" (LOGIN_AUTH_NACK).
    pub nack_naming: NackNaming,
    /// MESSAGE_TYPE of acks of messages that change records: "specific" (EVENT_INSERT_PROFILE_ACK)
    /// or "generic" (EVENT_ACK).
    pub ack_naming: AckNaming,
    /// How a shutdown closes WebSocket connections: "code" sends SESSION_ENDED and a close code;
    /// "drop" sends neither.
    pub shutdown_close: ShutdownClose,
    /// Maximum time in seconds that a shutdown waits for WebSocket connections to close, 0 to
    /// 86400; 0: no wait.
    pub shutdown_grace_secs: u64,
    /// TLS on the port of the gateway. A change between on and off takes effect at the next start.
    pub tls: TlsSettings,
    /// Limits of connections, addresses and messages.
    pub limits: ServerLimits,
}

/// The format of SYSTEM.DATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum SystemDateFormat {
    #[serde(alias = "s0")]
    GenesisRest,
    #[serde(alias = "s2")]
    GenesisAuth,
}

/// The naming of NACKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum NackNaming {
    Event,
    Legacy,
}

/// The naming of acks of messages that change records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum AckNaming {
    Specific,
    Generic,
}

/// The way in which a shutdown closes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
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
            hosts: Vec::new(),
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
    /// Maximum size of one WebSocket frame in bytes, 1 to 1073741824 (1 GiB). A larger frame closes
    /// the connection.
    pub frame_bytes: usize,
    /// Maximum size of the body of a REST request in bytes, 1 to 1073741824. A larger body is
    /// refused with HTTP status 413.
    pub body_bytes: usize,
    /// Maximum size of a WebSocket message in bytes, from the value of `frame_bytes` to 1073741824.
    /// A message can consist of several frames. A larger message closes the connection. While the
    /// queued messages of a connection have this total size, the gateway does not read from the
    /// connection.
    pub message_bytes: usize,
    /// Maximum nesting depth of the JSON of a message, 2 to 128.
    pub json_depth: usize,
    /// Maximum number of open connections of the gateway, above 0. Further connections are refused
    /// with HTTP status 503; with `server.tls`, they are closed without a response. The open-file
    /// limit of the process can be lower.
    pub connections_max: usize,
    /// Maximum number of open connections of one address (IPv4) or /64 network (IPv6), above 0.
    /// Connections through a proxy that `trusted_proxies` lists count for the address of the
    /// client: WebSocket connections, and REST requests while they are served. Further connections
    /// are refused with HTTP status 429; with `server.tls`, they are closed without a response,
    /// unless they come through such a proxy.
    pub connections_per_address_max: usize,
    /// Seconds, 1 to 86400, after which a WebSocket connection without a session is closed. The
    /// time in which the gateway serves messages of the connection, such as a login, does not
    /// count.
    pub login_timeout_secs: u64,
    /// Maximum number of open subscriptions of one session, above 0.
    pub subscriptions_per_session: usize,
    /// Maximum number of messages of one connection that wait to be served, above 0. While that
    /// many wait, the gateway does not read from the connection.
    pub queued_messages_per_connection: usize,
    /// Maximum number of messages per second of one connection, above 0. Further messages are
    /// refused with TOO_MANY_REQUESTS. A WebSocket connection that sends more than ten times as
    /// many is closed.
    pub messages_per_sec_per_connection: u32,
    /// Maximum number of failed logins per minute from one address (IPv4) or /64 network (IPv6); 0:
    /// no limit. Wrong codes, unknown tokens and refused password changes count, too. Further
    /// logins and password changes are refused with TOO_MANY_REQUESTS and the time to wait, except
    /// those of users who logged in from there within 30 days. Refreshes and logouts are never
    /// refused by this limit. Requests for a self-service reset are counted separately, with the
    /// same limit; requests beyond it are acknowledged, but no mail is sent.
    pub failed_logins_per_min_per_address: u32,
    /// IP addresses or ranges (10.0.0.0/8), such as those of load testers, to which
    /// `connections_per_address_max`, `failed_logins_per_min_per_address` and the limit of new
    /// connections do not apply; empty: no exemptions. From any other address (IPv4) or /64 network
    /// (IPv6), at most 100 connections a second are served after the first 1,000; more wait.
    pub exempt_addresses: Vec<AddressRange>,
    /// Seconds without a poll after which a subscription over REST ends, 1 to 86400.
    pub polling_timeout_secs: u64,
    /// Maximum size in bytes of the rows that wait for one client, 1 to 1073741824. Above this
    /// size, a WebSocket connection is closed after its writes were blocked for a tenth of
    /// `write_timeout_secs`, and a REST client loses the subscription.
    pub outbox_bytes: usize,
    /// Seconds for which a write may be blocked, 1 to 86400; after this time, the WebSocket
    /// connection is closed.
    pub write_timeout_secs: u64,
    /// Maximum size in bytes of a WebSocket frame, a WebSocket message and the queued messages of a
    /// connection to which no session is bound, and of the body of a REST request without a valid
    /// token in a header, 1 to 1073741824. A larger frame or message closes the connection; a
    /// larger body is refused with HTTP status 413. The smaller of this key and `frame_bytes` or
    /// `body_bytes` counts.
    pub unauthenticated_message_bytes: usize,
    /// Maximum size in MiB of what all connections and REST requests without a session hold
    /// together, such as incomplete messages and replies that are not read, 1 to 1024. Beyond it,
    /// those that hold most are closed.
    pub unauthenticated_total_mb: usize,
    /// Maximum number of WebSocket frames per second of a connection to which no session is bound,
    /// above 0. Pings and pongs count. A frame counts when the gateway reads it. More frames close
    /// the connection.
    pub unauthenticated_frames_per_sec: u32,
    /// Maximum number of log lines per second about refusals of one address (IPv4) or /64 network
    /// (IPv6); 0: none. Further lines are omitted; one line per second has their number.
    pub refusal_lines_per_sec_per_address: u32,
    /// Maximum number of log lines per second about refusals of all addresses together; 0: none.
    pub refusal_lines_per_sec: u32,
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
            unauthenticated_message_bytes: 16_384,
            unauthenticated_total_mb: 64,
            unauthenticated_frames_per_sec: 50,
            refusal_lines_per_sec_per_address: 5,
            refusal_lines_per_sec: 200,
        }
    }
}

impl ServerSettings {
    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        self.check_addresses(wrong);
        if self.product_name.is_empty() {
            wrong.push("server.product_name must not be empty".to_owned());
        }
        if Location::parse(&self.location).is_none() {
            wrong.push("server.location must be 1 to 8 characters of A-Z and 0-9".to_owned());
        }
        self.check_browsers(wrong);
        wrong.range("server.shutdown_grace_secs", self.shutdown_grace_secs, 0..=DAY_SECS);
        self.tls.check(wrong);
        self.limits.check(wrong);
    }

    /// Whether the address is that of a proxy that tells the addresses of its clients.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
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
                    "server.listen {at} is not a loopback address, so passwords would be sent \
                     unencrypted; set server.tls, or put a TLS proxy in front and set \
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
                wrong.push(format!("server.management_listen must differ from server.listen {at}"));
            }
            Err(_) if !management.is_empty() => {
                wrong.push(format!(
                    "server.management_listen {management:?} is not an address like 127.0.0.1:9065"
                ));
            }
            _ => {}
        }
    }
}

impl ServerLimits {
    /// Whether the limits by address do not apply to the address.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt_addresses.iter().any(|range| range.contains(address))
    }

    fn check(&self, wrong: &mut Vec<String>) {
        let sizes = [
            ("frame_bytes", self.frame_bytes),
            ("body_bytes", self.body_bytes),
            ("message_bytes", self.message_bytes),
            ("outbox_bytes", self.outbox_bytes),
            ("unauthenticated_message_bytes", self.unauthenticated_message_bytes),
        ];
        for (key, size) in sizes {
            wrong.range(format!("server.limits.{key}"), size, 1..=BYTES_MAX);
        }
        if self.message_bytes < self.frame_bytes {
            wrong.push("server.limits.message_bytes must be at least frame_bytes".to_owned());
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
            ("unauthenticated_frames_per_sec", self.unauthenticated_frames_per_sec as usize),
        ];
        for (key, value) in above_zero {
            wrong.above_zero(format!("server.limits.{key}"), value);
        }
        wrong.range("server.limits.json_depth", self.json_depth, 2..=128);
        let total_mb = self.unauthenticated_total_mb;
        wrong.range("server.limits.unauthenticated_total_mb", total_mb, 1..=1024);
    }
}

/// Maximum of a size limit; sums of larger limits could overflow.
const BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_overflow_or_contradict_each_other_are_refused() {
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
