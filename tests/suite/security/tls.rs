//! Tests of TLS: versions, certificate changes, key permissions, stalled handshakes.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tollgate::net::Client;

use crate::harness::gateway::run;
use crate::harness::{Authority, PASSWORD, signals};

async fn heartbeat(client: &mut Client) {
    let message = r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":1}"#;
    client.send(message.to_owned()).await.unwrap();
    let answer: Value = serde_json::from_str(&client.receive_reply().await.unwrap()).unwrap();
    assert_eq!(answer["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK", "{answer}");
}

async fn logged_in(authority: &Authority, address: SocketAddr) -> Client {
    let mut client = authority.client(address).await;
    client.send(Client::login_message("admin", &protocol::Password::new(PASSWORD))).await.unwrap();
    let answer = client.receive_reply().await.unwrap();
    assert!(answer.contains("EVENT_LOGIN_AUTH_ACK"), "{answer}");
    client
}

/// Waits until a condition is true. Panics with `what` after ten seconds.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn only_tls_connections_are_served() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let mut client = logged_in(&authority, gateway.address).await;
    heartbeat(&mut client).await;
    // A long frame: the first QUERY_UPDATE of the subscription.
    let logon = serde_json::json!({
        "MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": "rights",
        "DETAILS": { "DATASOURCE_NAME": "USER_RIGHTS" },
    });
    client.send(logon.to_string()).await.unwrap();
    assert!(client.receive_reply().await.unwrap().contains("LOGON_ACK"));
    assert!(client.receive_reply().await.unwrap().len() > 1_000);

    let url = format!("https://localhost:{}/event-login-prefs", gateway.address.port());
    let curl = |words: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "10", "-d", "{}", "-H", "SOURCE_REF: 1"]);
        curl.args(["-H", "Content-Type: application/json"]).args(words).arg(&url);
        curl.output().unwrap()
    };
    let ca = authority.file("ca.pem");
    let known = curl(&["--cacert", ca.to_str().unwrap()]);
    let stdout = String::from_utf8_lossy(&known.stdout).into_owned();
    assert!(stdout.contains("EVENT_LOGIN_PREFS_ACK"), "{stdout}");
    assert!(!curl(&[]).status.success(), "curl accepted an unknown authority");
    let plain = Client::connect(&format!("ws://{}", gateway.address), None).await;
    assert!(plain.is_err(), "a plaintext connection was accepted");
    let untrusting = Client::connect(&format!("wss://{}", gateway.address), None).await;
    assert!(untrusting.is_err(), "a certificate of an unknown authority was accepted");
}

/// A client that does not trust the gateway's certificate, and a client whose file of trusted
/// certificates is empty, get errors that say what to do.
#[tokio::test]
async fn a_client_says_why_tls_failed() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let url = format!("wss://localhost:{}", gateway.address.port());
    let error = async |file: &str| match Client::connect(&url, Some(&authority.file(file))).await {
        Ok(_) => panic!("{file} is trusted"),
        Err(error) => error.to_string(),
    };
    std::fs::write(authority.file("empty.pem"), "").unwrap();
    authority.openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout other.key \
         -out other.pem -subj /CN=other -days 2",
    );
    let untrusted = error("other.pem").await;
    assert!(untrusted.starts_with("the TLS handshake with localhost:"), "{untrusted}");
    assert!(untrusted.contains("--ca"), "{untrusted}");
    let empty = error("empty.pem").await;
    assert!(empty.contains("empty.pem contains no readable certificate"), "{empty}");
}

#[tokio::test]
async fn old_versions_are_refused() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let handshake = authority.handshake(gateway.address, &[version]).expect(name);
        assert!(handshake.contains(name), "{handshake}");
    }
    for version in ["-tls1", "-tls1_1"] {
        let weak = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
        assert!(authority.handshake(gateway.address, &weak).is_none(), "{version} was accepted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_changes_with_open_connections() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let mut open = logged_in(&authority, gateway.address).await;
    let mut load = tokio::task::JoinSet::new();
    let stopped = Arc::new(AtomicBool::new(false));
    for _ in 0..10 {
        let mut client = logged_in(&authority, gateway.address).await;
        let stopped = stopped.clone();
        load.spawn(async move {
            let mut beats = 0;
            while !stopped.load(Ordering::Acquire) {
                heartbeat(&mut client).await;
                beats += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            beats
        });
    }
    let first = authority.shown(gateway.address);
    authority.issue("cert2.pem", "key2.pem");
    // The new key does not match the old certificate: the gateway keeps the loaded pair.
    std::fs::rename(authority.file("key2.pem"), authority.file("key.pem")).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(authority.shown(gateway.address), first);
    std::fs::rename(authority.file("cert2.pem"), authority.file("cert.pem")).unwrap();
    until("the new certificate was not loaded within 10 s", || {
        authority.shown(gateway.address) != first
    })
    .await;
    heartbeat(&mut open).await;

    // SIGHUP reloads the certificate, too. An invalid file changes nothing.
    let second = authority.shown(gateway.address);
    std::fs::write(authority.file("cert.pem"), "no certificate").unwrap();
    signals::send(&gateway.child, "-HUP");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(authority.shown(gateway.address), second);
    heartbeat(&mut open).await;
    stopped.store(true, Ordering::Release);
    // A task panics if its connection ends.
    let beats: Vec<i32> = load.join_all().await;
    assert!(beats.iter().all(|beats| *beats > 20), "{beats:?}");
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    let log = log.join("\n");
    assert!(log.contains("reload failed; the previous configuration"), "{log}");
    assert!(log.contains("certificate reloaded"), "{log}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let authority = Authority::new();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["check-config", "--config", "tollgate.toml"]);
        command.current_dir(authority.home.path()).output().unwrap()
    };
    assert!(check().status.success());
    for mode in [0o644, 0o604] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(authority.file("key.pem"), permissions).unwrap();
        let refused = check();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(6), "{stderr}");
        assert!(
            stderr.contains("key.pem can be read by others") && stderr.contains("chmod"),
            "{stderr}"
        );
        assert!(authority.home.try_start().is_none(), "the gateway started with a readable key");
    }
    let permissions = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(authority.file("key.pem"), permissions).unwrap();
    for (file, words) in
        [("cert.pem", "no readable certificate"), ("key.pem", "no readable private key")]
    {
        let kept = std::fs::read(authority.file(file)).unwrap();
        std::fs::write(authority.file(file), "-----").unwrap();
        let refused = check();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(6), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        std::fs::write(authority.file(file), kept).unwrap();
    }
}

#[test]
fn a_connection_without_handshake_is_closed() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let began = Instant::now();
    let silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(gateway.address).unwrap()).collect();
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap_or(0), 0, "the connection was not closed");
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(10), "after {took:?}");
}

/// Clients with small receive windows begin to read late. They must then receive all data. Each
/// client is sent a little more data than the previous client, so that for some clients the last
/// bytes are bytes that TLS had to buffer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_get_everything_through_tls() {
    let authority = Authority::new();
    run(&mut authority.home.command(&["populate", "--users", "500", "--profiles", "5"]));
    let configuration = authority.file("tollgate.toml");
    let patient = std::fs::read_to_string(&configuration).unwrap();
    let patient =
        patient.replacen("[server.limits]", "[server.limits]\noutbox_bytes = 67108864", 1);
    std::fs::write(configuration, patient).unwrap();
    let gateway = authority.home.start();
    let readers = (1..=90).map(|updates| slow_reader(&authority, gateway.address, updates));
    let bytes: Vec<usize> = futures_util::future::join_all(readers).await;
    println!("{} to {} bytes", bytes[0], bytes[bytes.len() - 1]);
    assert!(bytes[0] < 60_000 && bytes[bytes.len() - 1] > 3_000_000, "{bytes:?}");
}

/// Requests a number of updates, waits and reads them all. Returns the total bytes received.
async fn slow_reader(authority: &Authority, address: SocketAddr, updates: usize) -> usize {
    let mut socket = narrow(authority, address).await;
    let login = Client::login_message("admin", &protocol::Password::new(PASSWORD));
    socket.send(Message::text(login)).await.unwrap();
    for at in 0..updates {
        let logon = serde_json::json!({
            "MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": format!("all-{at}"),
            "DETAILS": { "DATASOURCE_NAME": "ALL_USERS", "MAX_ROWS": 160 },
        });
        socket.send(Message::text(logon.to_string())).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut received, mut bytes) = (0, 0);
    while received < updates {
        let frame = tokio::time::timeout(Duration::from_secs(10), socket.next()).await;
        let frame =
            frame.unwrap_or_else(|_| panic!("only {received} of {updates} updates were received"));
        let text = frame
            .expect("the connection ended")
            .expect("the connection failed")
            .into_text()
            .unwrap();
        received += usize::from(text.contains("QUERY_UPDATE"));
        bytes += text.len();
    }
    bytes
}

/// Opens a WebSocket over TLS with a receive window of a few kilobytes.
async fn narrow(
    authority: &Authority,
    address: SocketAddr,
) -> WebSocketStream<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    tokio_tungstenite::client_async("ws://localhost/", stream).await.unwrap().0
}
