//! Tests of what web pages may reach: Host, Origin, and the headers of responses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::harness::gateway::free_port;
use crate::harness::{Authority, GatewayProcess, Home, QUICK};

/// [`QUICK`] with more keys of the server.
fn with(keys: &str) -> String {
    QUICK.replacen("[server]", &format!("[server]\n{keys}"), 1)
}

/// Sends the lines of a request and returns the response.
fn exchange(address: SocketAddr, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).unwrap();
    let mut response = Vec::new();
    let mut part = [0; 4096];
    // An upgraded connection stays open: its response ends with the headers.
    while !response.starts_with(b"HTTP/1.1 101") {
        match stream.read(&mut part).unwrap() {
            0 => break,
            read => response.extend_from_slice(&part[..read]),
        }
    }
    String::from_utf8(response).unwrap()
}

fn status(response: &str) -> u16 {
    let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {response:?}"))
}

/// The status of a WebSocket upgrade with these headers.
fn upgrade(gateway: &GatewayProcess, host: &str, origin: Option<&str>) -> String {
    let host = format!("Host: {host}");
    let mut lines = vec![
        "GET /ws HTTP/1.1",
        &host,
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let origin = origin.map(|origin| format!("Origin: {origin}"));
    lines.extend(origin.as_deref());
    let response = exchange(gateway.address, &lines);
    assert!(response.to_lowercase().contains("x-content-type-options: nosniff"), "{response}");
    response
}

/// The status of a REST request with these headers.
fn rest(gateway: &GatewayProcess, host: &str, origin: &str) -> u16 {
    let (host, origin) = (format!("Host: {host}"), format!("Origin: {origin}"));
    let lines =
        ["GET /event-login-prefs HTTP/1.1", &host, &origin, "SOURCE_REF: 1", "Connection: close"];
    status(&exchange(gateway.address, &lines))
}

/// A page can point a name of its own at 127.0.0.1 (DNS rebinding). Its origin is then that of the
/// gateway, as far as the browser knows.
#[test]
fn a_gateway_on_loopback_refuses_names_that_are_not_its_own() {
    let home = Home::new(&with("allowed_origins = ['https://gui.example:8443']"));
    let gateway = home.start();
    let own = gateway.address.to_string();
    for host in [&own, "127.0.0.1", "localhost:9064", "[::1]:9064", "10.1.2.3"] {
        let origin = format!("http://{host}");
        assert_eq!(status(&upgrade(&gateway, host, Some(&origin))), 101, "{host}");
        assert_eq!(rest(&gateway, host, &origin), 200, "{host}");
    }
    assert_eq!(status(&upgrade(&gateway, "gui.example", Some("https://gui.example"))), 101);
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9064", ""] {
        let origin = format!("http://{host}");
        let refused = upgrade(&gateway, host, Some(&origin));
        assert_eq!(status(&refused), 421, "{host}");
        assert!(refused.contains("server.hosts = [\""), "{refused}");
        assert_eq!(rest(&gateway, host, &origin), 421, "{host}");
    }
    // Programs, which send no Origin, may use any name.
    assert_eq!(status(&upgrade(&gateway, "gateway.example", None)), 101);
    let (_, log) = gateway.signal("-TERM");
    let refused = log.iter().filter(|line| line.contains("host refused")).count();
    assert_eq!(refused, 8, "{log:?}");
}

#[test]
fn listed_hosts_are_names_of_the_gateway() {
    let home = Home::new(&with("hosts = ['gateway.example', '*.desk.example']"));
    let gateway = home.start();
    for (host, expected) in [
        ("gateway.example:8443", 101),
        ("a.desk.example", 101),
        ("desk.example", 421),
        ("gateway.example.evil.example", 421),
    ] {
        let origin = format!("https://{host}");
        assert_eq!(status(&upgrade(&gateway, host, Some(&origin))), expected, "{host}");
    }
    for wrong in ["https://gateway.example", "gateway.example:8443", "Gateway.example", "*", ""] {
        let home = Home::new(&with(&format!("hosts = ['{wrong}']")));
        let refused = home.command(&["serve"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && stderr.contains("server.hosts"), "{stderr}");
    }
}

#[test]
fn special_and_wildcard_origins_are_allowed_if_they_are_listed() {
    let none = Home::new(QUICK);
    let none = none.start();
    let listed = "allowed_origins = ['null', 'file://', 'https://*.desk.example']";
    let listed = Home::new(&with(listed));
    let listed = listed.start();
    let own = "127.0.0.1";
    for origin in ["null", "file://", "https://a.desk.example", "https://a.b.desk.example"] {
        assert_eq!(rest(&none, own, origin), 403, "{origin}");
        assert_eq!(rest(&listed, own, origin), 200, "{origin}");
    }
    for origin in ["https://desk.example", "http://a.desk.example", "https://a.desk.example:1"] {
        assert_eq!(rest(&listed, own, origin), 403, "{origin}");
    }
    let (_, log) = listed.signal("-TERM");
    let entries = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let refused = entries.filter(|entry| entry["fields"]["message"] == "origin refused");
    let origins: Vec<_> = refused.map(|entry| entry["fields"]["origin"].clone()).collect();
    assert_eq!(origins[0], "https://desk.example");
    assert_eq!(origins.len(), 3);
}

#[test]
fn a_request_has_one_host() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let send = |version: &str, hosts: &[&str]| {
        let first = format!("GET /event-login-prefs HTTP/{version}");
        let mut lines = vec![first.as_str(), "SOURCE_REF: 1", "Connection: close"];
        lines.extend(hosts);
        status(&exchange(gateway.address, &lines))
    };
    assert_eq!(send("1.1", &["Host: a"]), 200);
    assert_eq!(send("1.1", &[]), 400);
    assert_eq!(send("1.1", &["Host: a", "Host: a"]), 400);
    // Health checks of load balancers.
    assert_eq!(send("1.0", &[]), 200);
    assert_eq!(send("1.0", &["Host: a", "Host: b"]), 400);
}

#[test]
fn the_management_port_on_loopback_has_no_other_names() {
    let port = free_port();
    let management = format!("management_listen = '127.0.0.1:{port}'");
    let configuration = with("hosts = ['metrics.example']");
    let home = Home::new(&configuration.replace("management_listen = ''", &management));
    let gateway = home.start();
    let get = |path: &str, version: &str, hosts: &[&str]| {
        let first = format!("GET {path} HTTP/{version}");
        let mut lines = vec![first.as_str(), "Connection: close"];
        lines.extend(hosts);
        exchange(SocketAddr::from(([127, 0, 0, 1], port)), &lines)
    };
    for host in ["localhost:9065", "127.0.0.1", "metrics.example"] {
        let live = get("/health/live", "1.1", &[&format!("Host: {host}")]);
        assert_eq!(status(&live), 200, "{host}");
        assert!(live.to_lowercase().contains("x-content-type-options: nosniff"), "{live}");
    }
    assert_eq!(status(&get("/health/live", "1.0", &[])), 200);
    assert_eq!(status(&get("/health/live", "1.1", &[])), 400);
    let refused = get("/metrics", "1.1", &["Host: evil.example"]);
    assert_eq!(status(&refused), 421);
    assert!(refused.contains("server.hosts = [\"evil.example\"]"), "{refused}");
    assert!(refused.to_lowercase().contains("x-content-type-options: nosniff"), "{refused}");

    assert_eq!(rest(&gateway, "evil.example", "http://evil.example"), 421);
    assert_eq!(rest(&gateway, "127.0.0.1", "http://evil.example"), 403);
    let metrics = get("/metrics", "1.1", &["Host: localhost"]);
    for (reason, count) in [("host", 2), ("origin", 1)] {
        let line = format!("tollgate_http_requests_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

/// Behind TLS, a page of `http:` is not a page of the gateway.
#[tokio::test]
async fn a_gateway_with_tls_has_no_plain_origin() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let host = format!("localhost:{}", gateway.address.port());
    let status = |scheme: &str| {
        let out = std::process::Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "SOURCE_REF: 1", "-H"])
            .arg(format!("Origin: {scheme}://{host}"))
            .arg("--cacert")
            .arg(authority.file("ca.pem"))
            .arg(format!("https://{host}/event-login-prefs"))
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!((status("https"), status("http")), ("200".to_owned(), "403".to_owned()));
}

#[test]
fn a_proxy_without_a_host_name_is_reported() {
    let proxy = "trusted_proxies = ['127.0.0.1']";
    for (keys, expected) in [(proxy.to_owned(), 1), (format!("{proxy}\nhosts = ['a.example']"), 0)]
    {
        let home = Home::new(&with(&keys));
        let (_, log) = home.start().signal("-TERM");
        let warnings = log.iter().filter(|line| line.contains("server.hosts is empty")).count();
        assert_eq!(warnings, expected, "{log:?}");
        let doctor = home.command(&["doctor"]).output().unwrap();
        let findings = String::from_utf8(doctor.stdout).unwrap();
        assert_eq!(findings.matches("problem: server.hosts").count(), expected, "{findings}");
    }
}
