//! Tests of the limits of connections by address, also behind a trusted proxy.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::clients::stream_from;
use crate::harness::{Client, Home, PASSWORD};

/// The configuration of these tests: two connections for each address.
fn configuration(server: &str) -> String {
    format!(
        "[server]\nmanagement_listen = ''\n{server}\n[server.limits]\n\
         connections_per_address_max = 2\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n"
    )
}

/// Requests a WebSocket upgrade and returns the connection and the response.
async fn upgrade(to: SocketAddr, header: &str) -> (TcpStream, String) {
    let mut stream = stream_from("127.0.0.1", to).await;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n\
         \r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = vec![0; 2_048];
    let length = stream.read(&mut response).await.unwrap();
    response.truncate(length);
    (stream, String::from_utf8(response).unwrap())
}

fn refusals(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("connection refused")).count()
}

#[tokio::test]
async fn a_refused_connection_gets_a_reason_and_a_log_line() {
    let home = Home::new(&configuration(""));
    let gateway = home.start();
    let _held = [
        stream_from("127.0.0.2", gateway.address).await,
        stream_from("127.0.0.2", gateway.address).await,
    ];
    let mut third = stream_from("127.0.0.2", gateway.address).await;
    third.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    let mut response = String::new();
    third.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{response}");
    assert!(response.ends_with("connections_per_address_max\n"), "{response}");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    admin.socket.close(None).await.unwrap();
    let (_, log) = gateway.signal("-TERM");
    assert_eq!(refusals(&log), 1, "{log:?}");
}

#[tokio::test]
async fn connections_of_a_trusted_proxy_count_for_its_clients() {
    let home = Home::new(&configuration("trusted_proxies = ['127.0.0.1']"));
    let gateway = home.start();
    let forwarded = [
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-For: 192.0.2.1:4711",
        "Forwarded: for=\"192.0.2.1:4712\";proto=https",
    ];
    let (first, response) = upgrade(gateway.address, forwarded[0]).await;
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    let (_second, response) = upgrade(gateway.address, forwarded[1]).await;
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    let (_, response) = upgrade(gateway.address, forwarded[2]).await;
    assert!(response.starts_with("HTTP/1.1 429"), "{response}");
    assert!(response.ends_with("connections_per_address_max\n"), "{response}");
    let (_other, response) = upgrade(gateway.address, "X-Forwarded-For: 192.0.2.2").await;
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    drop(first);
    // The gateway notices the end of the first connection in its own time.
    let began = Instant::now();
    while !upgrade(gateway.address, forwarded[2]).await.1.starts_with("HTTP/1.1 101") {
        assert!(began.elapsed() < Duration::from_secs(20), "the place was not released");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, log) = gateway.signal("-TERM");
    assert!(refusals(&log) >= 1, "{log:?}");
    assert!(log.iter().any(|line| line.contains("192.0.2.1")), "{log:?}");
}

/// The time in which a number of connections, one after another, are served.
async fn serve(count: usize, from: &str, to: SocketAddr) -> Duration {
    let began = Instant::now();
    for _ in 0..count {
        let mut stream = stream_from(from, to).await;
        let request = b"GET /none HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        assert!(response.starts_with(b"HTTP/1.1 404"), "{response:?}");
    }
    began.elapsed()
}

#[tokio::test]
async fn after_a_burst_new_connections_of_an_address_wait() {
    let home = Home::new(&configuration(""));
    let gateway = home.start();
    // Of 1,150 connections, 1,000 are served at once and the others in 10 ms each.
    let took = serve(1_150, "127.0.0.2", gateway.address).await;
    assert!(took >= Duration::from_millis(1_450), "{took:?}");
    // Other addresses do not wait.
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    admin.socket.close(None).await.unwrap();
}
