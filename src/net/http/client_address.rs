//! The address of a client behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderMap;

use crate::settings::ServerSettings;

/// Returns the client's address. X-Forwarded-For, or without it Forwarded (RFC 7239), is read from
/// its end; an entry counts only if a trusted proxy added it.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, server: &ServerSettings) -> IpAddr {
    if !server.is_trusted_proxy(peer) {
        return peer;
    }
    let values = |name| headers.get_all(name).iter().filter_map(|it| it.to_str().ok());
    let entries = |value: &'static str| values(value).flat_map(|it| it.split(','));
    let mut forwarded: Vec<_> = entries("x-forwarded-for").map(parse).collect();
    if forwarded.is_empty() {
        forwarded = entries("forwarded").map(parse_forwarded).collect();
    }
    let mut address = peer;
    while server.is_trusted_proxy(address) {
        let Some(Some(next)) = forwarded.pop() else { break };
        address = next;
    }
    address
}

/// Parses an address with or without a port. An IPv6 address may be in brackets.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|it| it.ip());
    bare.parse().ok().or_else(with_port)
}

/// Parses the parameter `for` of an entry of Forwarded.
fn parse_forwarded(entry: &str) -> Option<IpAddr> {
    let mut parameters = entry.split(';').filter_map(|it| it.trim().split_once('='));
    let (_, address) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse(address.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, name: &'static str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let trusted_proxies = serde_json::from_str(r#"["10.0.0.0/8", "127.0.0.1"]"#).unwrap();
        let server = ServerSettings { trusted_proxies, ..ServerSettings::default() };
        client_address(peer.parse().unwrap(), &headers, &server).to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let client = |peer, values: &[&str]| client(peer, "x-forwarded-for", values);
        assert_eq!(client("9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.7"]), "1.2.3.4");
        assert_eq!(client("127.0.0.1", &["nonsense"]), "127.0.0.1");
    }

    #[test]
    fn addresses_with_ports_and_the_header_forwarded_are_read() {
        for (text, address) in [
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[2001:db8::1]:5678", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("6.6.6.6:1, 1.2.3.4:5, 10.0.0.7:9", "1.2.3.4"),
        ] {
            assert_eq!(client("127.0.0.1", "x-forwarded-for", &[text]), address, "{text}");
        }
        for (text, address) in [
            ("for=1.2.3.4;proto=https;by=10.0.0.7", "1.2.3.4"),
            ("for=6.6.6.6, proto=https; For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=1.2.3.4, for=10.0.0.7", "1.2.3.4"),
            ("for=unknown", "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", "forwarded", &[text]), address, "{text}");
        }
    }
}
