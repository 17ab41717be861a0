//! Tests of an LDAP server that hangs: logins use the next server, other clients continue.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::time::{Duration, Instant};

use serde_json::json;

use super::logins::{CREATE, by_ldap, connection, login_code};
use crate::harness::slapd::Slapd;
use crate::harness::{Authority, Client, GatewayProcess, Home, PASSWORD};

const TIMEOUT_MS: u64 = 1_500;
/// The time that a login may take in addition to the time-out.
const BEYOND: Duration = Duration::from_secs(1);

async fn timed(gateway: &GatewayProcess) -> (String, Duration) {
    let began = Instant::now();
    (login_code(gateway, "dora", "dora-Secret-1").await, began.elapsed())
}

/// The longest response time of `count` heartbeats on one connection.
async fn slowest_heartbeat(client: &mut Client, count: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let began = Instant::now();
        let beat = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": number });
        let answer = client.ask(beat).await;
        slowest = slowest.max(began.elapsed());
        assert_eq!(answer["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK", "{answer}");
    }
    slowest
}

#[tokio::test]
async fn logins_use_the_next_server_and_skip_the_stopped_one() {
    let authority = Authority::new();
    let (first, second) = (Slapd::start(&authority), Slapd::start(&authority));
    let more = format!("timeout_ms = {TIMEOUT_MS}\n{CREATE}");
    let servers = [&first, &second].map(|it| connection(it.port, &more)).concat();
    let home = Home::new(&by_ldap(&servers));
    let gateway = home.start();
    assert_eq!(timed(&gateway).await.0, "OK");
    first.pause();
    let (code, took) = timed(&gateway).await;
    assert_eq!(code, "OK");
    let timeout = Duration::from_millis(TIMEOUT_MS);
    assert!((timeout..timeout + BEYOND).contains(&took), "{took:?}");
    // The gateway has recorded the outage: logins skip this server.
    let (code, took) = timed(&gateway).await;
    assert_eq!(code, "OK");
    assert!(took < timeout, "{took:?}");
    // Both servers hang: the password cannot be checked. This does not count as a wrong password.
    second.pause();
    for _ in 0..5 {
        assert_eq!(timed(&gateway).await.0, "LOGIN_FAIL");
    }
    for server in [&first, &second] {
        server.resume();
    }
    let began = Instant::now();
    while timed(&gateway).await.0 != "OK" {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "no login succeeded within 90 s after the servers continued"
        );
    }
}

/// Starts logins that wait for the LDAP server. Each task returns the code of the refusal.
fn hanging(
    gateway: &GatewayProcess,
    count: usize,
) -> Vec<tokio::task::JoinHandle<serde_json::Value>> {
    let login = |address| async move {
        let mut client = Client::connect(address).await;
        let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
            "DETAILS": { "USER_NAME": "dora", "PASSWORD": "dora-Secret-1" } });
        client.ask(login).await["CODE"].clone()
    };
    (0..count).map(|_| tokio::spawn(login(gateway.address))).collect()
}

/// Waits until the gateway has closed the connections to the LDAP server that the refused logins
/// opened.
async fn wait_until_closed(gateway: &GatewayProcess) {
    let open = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", gateway.child.id())).unwrap();
        let links = fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    };
    let began = Instant::now();
    while open() > 8 {
        assert!(began.elapsed() < Duration::from_secs(5), "{} sockets are open", open());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_ldap_server_that_hangs_delays_no_other_client() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let ca = authority.file("ca.pem").display().to_string();
    let tls = format!("use_tls = 'start_tls'\nca_file = '{ca}'\n");
    let more = format!("timeout_ms = {TIMEOUT_MS}\n{tls}{CREATE}");
    let fast = "[server.limits]\nmessages_per_sec_per_connection = 1000000";
    let home =
        Home::new(&by_ldap(&connection(slapd.port, &more)).replacen("[server.limits]", fast, 1));
    let gateway = home.start();
    let mut client = Client::login(gateway.address, "admin", PASSWORD).await;
    slapd.pause();
    let waiting = hanging(&gateway, 64);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    let (mut slowest, mut local_logins) = (Duration::ZERO, 0);
    while began.elapsed() < Duration::from_millis(TIMEOUT_MS - 500) {
        slowest = slowest.max(slowest_heartbeat(&mut client, 100).await);
        assert_eq!(login_code(&gateway, "admin", PASSWORD).await, "OK");
        local_logins += 1;
    }
    assert!(local_logins > 1, "only {local_logins} local logins succeeded");
    // A heartbeat that waited for the directory would take almost TIMEOUT_MS.
    assert!(slowest < Duration::from_millis(TIMEOUT_MS / 2), "a heartbeat took {slowest:?}");
    for login in waiting {
        assert_eq!(login.await.unwrap(), "LOGIN_FAIL");
    }
    wait_until_closed(&gateway).await;
}
