//! Which web pages may use the gateway: the rules of `allowed_origins` and `hosts`.

use std::net::{IpAddr, SocketAddr};

use super::server::ServerSettings;

impl ServerSettings {
    /// Whether `allowed_origins` lists the origin of a page.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| matches(allowed, origin))
    }

    /// Whether a browser may use the host in this value of the header Host as a name of the
    /// gateway: an IP address, `localhost`, a host of `hosts`, or the host of an allowed origin.
    pub fn allows_host(&self, header: &str) -> bool {
        let host = without_port(header).to_ascii_lowercase();
        let is_address = match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        let origins = self.allowed_origins.iter().filter_map(|origin| origin.split_once("://"));
        let mut names = self.hosts.iter().map(String::as_str);
        is_address
            || host == "localhost"
            || names.any(|name| matches(name, &host))
            || origins.map(|(_, host)| without_port(host)).any(|name| matches(name, &host))
    }

    /// Whether the requests of browsers need a host that [`Self::allows_host`] accepts. Otherwise a
    /// page could point a name of its own at a gateway on loopback (DNS rebinding).
    pub fn checks_hosts(&self) -> bool {
        self.is_on_loopback() || !self.hosts.is_empty()
    }

    /// Whether requests through a proxy on this machine lack a name that browsers may use.
    pub fn lacks_hosts(&self) -> bool {
        self.is_on_loopback() && self.hosts.is_empty() && !self.trusted_proxies.is_empty()
    }

    /// Whether only the same machine can reach the gateway.
    pub fn is_on_loopback(&self) -> bool {
        is_loopback(&self.listen)
    }

    /// Whether only the same machine can reach the management port.
    pub fn is_management_on_loopback(&self) -> bool {
        is_loopback(&self.management_listen)
    }

    pub(super) fn check_browsers(&self, wrong: &mut Vec<String>) {
        for origin in self.allowed_origins.iter().filter(|origin| !is_origin(origin)) {
            wrong.push(format!(
                "server.allowed_origins: {origin:?} must be a scheme, a host in lower case and an \
                 optional port without a path, like https://desk.example:8443 or \
                 https://*.desk.example; or \"null\" or \"file://\""
            ));
        }
        for host in self.hosts.iter().filter(|host| !is_host(host)) {
            wrong.push(format!(
                "server.hosts: {host:?} must be a host name in lower case without scheme and port, \
                 like gateway.example or *.desk.example"
            ));
        }
    }
}

fn is_loopback(address: &str) -> bool {
    let address = address.parse::<SocketAddr>();
    address.is_ok_and(|at| IpAddr::is_loopback(&at.ip().to_canonical()))
}

/// Returns the host of `host:port`.
fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => text,
    }
}

/// Whether a text is the allowed one. `*.` in the allowed text stands for one or more labels of a
/// host name.
fn matches(allowed: &str, text: &str) -> bool {
    let Some((before, after)) = allowed.split_once('*') else { return allowed == text };
    let labels = text.strip_prefix(before).and_then(|it| it.strip_suffix(after));
    labels.is_some_and(|labels| labels.split('.').all(is_label))
}

/// Whether a text is one label of a host name in lower case.
fn is_label(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(fits)
}

/// Whether a text is a host name in lower case, of which the first label may be `*`.
fn is_host(text: &str) -> bool {
    text.strip_prefix("*.").unwrap_or(text).split('.').all(is_label)
}

/// Whether a browser could send the text as the value of its header Origin, apart from a `*` as the
/// first label of the host.
fn is_origin(text: &str) -> bool {
    if text == "null" || text == "file://" {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_scheme = scheme.bytes().all(|b| b.is_ascii_lowercase() || b"0123456789+-.".contains(&b));
    let host = without_port(authority);
    let is_ipv6 = host.starts_with('[')
        && host.ends_with(']')
        && host.bytes().all(|b| b.is_ascii_hexdigit() || b"[]:.".contains(&b))
        && !host.contains(|c: char| c.is_ascii_uppercase());
    !scheme.is_empty() && is_scheme && (is_host(host) || is_ipv6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_as_browsers_send_them_are_valid() {
        for right in [
            "https://desk.example:8443",
            "http://[::1]:4200",
            "null",
            "file://",
            "https://*.desk.example",
            "app://desk",
        ] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in [
            "desk.example",
            "https://desk.example/",
            "https://Desk.example",
            "*",
            "a://",
            "https://*",
            "https://*desk.example",
            "https://a.*.example",
            "https://a@desk.example",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name_that_is_listed() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let server = ServerSettings {
            hosts: list(&["gateway.example", "*.desk.example"]),
            allowed_origins: list(&["https://gui.example:8443", "https://*.gui.example", "null"]),
            ..ServerSettings::default()
        };
        for known in [
            "127.0.0.1:9064",
            "10.1.2.3",
            "[::1]:9064",
            "localhost:9064",
            "LocalHost",
            "gateway.example:8443",
            "a.b.desk.example",
            "gui.example",
            "x.gui.example:1",
        ] {
            assert!(server.allows_host(known), "{known}");
        }
        for foreign in [
            "",
            "evil.example",
            "gateway.example.evil.example",
            "evil-gateway.example",
            "desk.example",
            ".desk.example",
            "a@b.desk.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "::1",
            "null",
        ] {
            assert!(!server.allows_host(foreign), "{foreign}");
        }
        assert!(server.allows_origin("https://x.gui.example"));
        assert!(!server.allows_origin("https://evil.example/x.gui.example"));
        assert!(!server.allows_origin("https://gui.example:1"));
    }
}
