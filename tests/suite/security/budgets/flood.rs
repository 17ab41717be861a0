//! Budget test: 1,000 hostile sockets of one address, of each kind alone and mixed.
//!
//! The short form checks memory and log exactly, and the response time roughly. The long form also
//! checks the response time and the CPU time exactly, so it needs a quiet machine.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::harness::{Authority, Client, GatewayProcess, Home, PASSWORD, QUICK};

const SOCKETS: usize = 1_000;
/// Allowed growth of the resident memory of the gateway, in bytes.
const MEMORY_MAX: u64 = 64 << 20;
/// Allowed size of the log lines of one second, in bytes.
const LOG_MAX: usize = 100_000;
/// Allowed CPU time beyond that of an idle gateway, as a share of one core; only in the long form.
const CPU_MAX: f64 = 0.2;
/// Allowed median of the response time, relative to that of an idle gateway.
const RESPONSE_RATIO_MAX: f64 = 2.0;
/// In the short form, the response time may be larger by this factor.
const SHORT_TOLERANCE: f64 = 10.0;
/// Response time that the short form always allows, because other tests run beside it, in seconds.
const SHORT_RESPONSE_SECS: f64 = 0.1;
/// A response time below this one counts as this one, in seconds.
const RESPONSE_FLOOR_SECS: f64 = 0.001;

/// What a hostile socket does.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Silence,
    HalfHandshake,
    SlowLargestFrame,
    Pings,
    LargeFrames,
    UnknownLogins,
    HalfBodies,
    PipelinedReads,
}

const KINDS: [Kind; 8] = [
    Kind::Silence,
    Kind::HalfHandshake,
    Kind::SlowLargestFrame,
    Kind::Pings,
    Kind::LargeFrames,
    Kind::UnknownLogins,
    Kind::HalfBodies,
    Kind::PipelinedReads,
];

/// A text frame with the mask 0: its header with this length, and the payload.
fn frame(length: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, 0xff];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn upgraded(stream: &mut TcpStream) -> io::Result<()> {
    let request = "GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    stream.read_exact(&mut [0; 16]).await.map(drop)
}

/// Reads until the gateway closes the connection.
async fn read_all(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4_096];
    while stream.read(&mut bytes).await? > 0 {}
    Ok(())
}

/// Sends the bytes again and again without reading.
async fn repeat(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    loop {
        stream.write_all(bytes).await?;
    }
}

/// Logs in with names that do not exist, a new one each time.
async fn unknown_logins(number: usize, stream: &mut TcpStream) -> io::Result<()> {
    for at in 0.. {
        let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": at,
            "DETAILS": { "USER_NAME": format!("u{number}.{at}"), "PASSWORD": "wrong" } })
        .to_string();
        stream.write_all(&frame(login.len() as u64, login.as_bytes())).await?;
        if stream.read(&mut [0; 1_024]).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Attacks over one connection until the gateway closes it. Every second socket tries to send more
/// than is allowed.
async fn attack(kind: Kind, number: usize, stream: &mut TcpStream) -> io::Result<()> {
    let is_excessive = number % 2 == 1;
    let padding = vec![b'x'; if is_excessive { 250_000 } else { 15_900 }];
    match kind {
        Kind::Silence => read_all(stream).await,
        Kind::HalfHandshake => {
            let head = format!("GET /ws HTTP/1.1\r\nHost: here\r\nX: {}", "x".repeat(7_000));
            stream.write_all(head.as_bytes()).await?;
            read_all(stream).await
        }
        Kind::SlowLargestFrame => {
            upgraded(stream).await?;
            let length = if is_excessive { 262_144 } else { 16_384 };
            stream.write_all(&frame(length, &padding)).await?;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(b"x").await?;
            }
        }
        Kind::Pings => {
            upgraded(stream).await?;
            let ping = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[b'x'; 125]].concat();
            repeat(stream, &ping.repeat(60)).await
        }
        Kind::LargeFrames => {
            upgraded(stream).await?;
            let message = json!({ "MESSAGE_TYPE": "NONE", "SOURCE_REF": 1,
                "A": String::from_utf8_lossy(&padding) })
            .to_string();
            repeat(stream, &frame(message.len() as u64, message.as_bytes())).await
        }
        Kind::UnknownLogins => {
            upgraded(stream).await?;
            unknown_logins(number, stream).await
        }
        Kind::HalfBodies => {
            let head = format!(
                "POST /event-login-auth HTTP/1.1\r\nHost: here\r\nSOURCE_REF: 1\r\n\
                 Content-Length: {}\r\n\r\n",
                padding.len() + 100
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&padding).await?;
            read_all(stream).await
        }
        Kind::PipelinedReads => {
            repeat(stream, b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n").await
        }
    }
}

/// Attacks with [`SOCKETS`] sockets of one address, which connect again when they are closed.
fn flood(kinds: &[Kind], from: [u8; 4], to: SocketAddr) -> JoinSet<()> {
    let mut sockets = JoinSet::new();
    for number in 0..SOCKETS {
        let kind = kinds[number % kinds.len()];
        sockets.spawn(async move {
            loop {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((from, 0).into()).unwrap();
                if let Ok(mut stream) = socket.connect(to).await {
                    let _ = attack(kind, number, &mut stream).await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    sockets
}

/// Resident memory in bytes.
fn memory(gateway: &GatewayProcess) -> u64 {
    let status = format!("/proc/{}/status", gateway.child.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

/// CPU time in seconds.
fn cpu_secs(gateway: &GatewayProcess) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // The fields utime and stime, in ticks of 10 ms.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// What a gateway used in some time.
#[derive(Debug)]
struct Use {
    memory_max: u64,
    cpu: f64,
    /// Median time of a heartbeat, in seconds.
    response_secs: f64,
}

async fn measure(gateway: &GatewayProcess, client: &mut Client, time: Duration) -> Use {
    let (began, cpu_before) = (Instant::now(), cpu_secs(gateway));
    let (mut memory_max, mut times) = (0, Vec::new());
    while began.elapsed() < time {
        let sent = Instant::now();
        let ack = client.ask(json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1 })).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK", "{ack}");
        times.push(sent.elapsed().as_secs_f64());
        memory_max = memory_max.max(memory(gateway));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times.sort_by(f64::total_cmp);
    let cpu = (cpu_secs(gateway) - cpu_before) / began.elapsed().as_secs_f64();
    let response_secs = times[times.len() / 2].max(RESPONSE_FLOOR_SECS);
    Use { memory_max, cpu, response_secs }
}

fn is_long() -> bool {
    std::env::var_os("LONG_TESTS").is_some()
}

/// Checks that no second of the log has too many bytes.
fn check_log(log: &[String]) {
    let mut seconds: BTreeMap<String, usize> = BTreeMap::new();
    for line in log {
        let entry: Value = serde_json::from_str(line).unwrap();
        let second = entry["timestamp"].as_str().unwrap().split('.').next().unwrap().to_owned();
        *seconds.entry(second).or_default() += line.len() + 1;
    }
    let most = seconds.values().max().unwrap();
    println!("log: at most {most} bytes a second, {} lines", log.len());
    assert!(*most <= LOG_MAX, "{most} bytes in one second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_sockets_cost_little() {
    tollgate::platform::file_descriptors::raise_fd_limit();
    let home = Home::new(&QUICK.replace("127.0.0.0/8", "127.0.0.1"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    // The document is created once, when it is first read.
    crate::harness::clients::get(gateway.address, "/openapi.json").await;
    let time = Duration::from_secs(if is_long() { 20 } else { 2 });
    let idle = measure(&gateway, &mut admin, time / 2).await;
    println!("idle: {idle:?}");
    let alone = KINDS.iter().map(std::slice::from_ref);
    let mut failed = Vec::new();
    for (kinds, last) in alone.chain([&KINDS[..]]).zip(2..) {
        // Each flood has its own address, which has not used its burst of connections.
        let sockets = flood(kinds, [127, 0, 0, last], gateway.address);
        let used = measure(&gateway, &mut admin, time).await;
        drop(sockets);
        let growth = used.memory_max.saturating_sub(idle.memory_max);
        let ratio = used.response_secs / idle.response_secs;
        let cpu = used.cpu - idle.cpu;
        println!(
            "{kinds:?}: {:.1} MiB, {:.1} % CPU, response time x {ratio:.2}",
            growth as f64 / f64::from(1 << 20),
            cpu * 100.0
        );
        let tolerance = if is_long() { 1.0 } else { SHORT_TOLERANCE };
        let is_good = growth <= MEMORY_MAX
            && (ratio <= RESPONSE_RATIO_MAX * tolerance
                || used.response_secs <= SHORT_RESPONSE_SECS && !is_long())
            && (cpu <= CPU_MAX || !is_long());
        if !is_good {
            failed.push(format!("{kinds:?}: {growth} bytes, {cpu} CPU, response x {ratio}"));
        }
    }
    let (_, log) = gateway.signal("-TERM");
    check_log(&log);
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Sends most of a TLS handshake, in records of 8,192 bytes, and waits.
async fn half_tls_handshake(to: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let mut handshake = vec![1, 0, 0xea, 0x60];
    handshake.resize(59_000, 0);
    for record in handshake.chunks(8_192) {
        let [high, low] = u16::try_from(record.len()).unwrap_or_default().to_be_bytes();
        stream.write_all(&[&[22, 3, 1, high, low], record].concat()).await?;
    }
    read_all(&mut stream).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_tls_handshakes_cost_little() {
    tollgate::platform::file_descriptors::raise_fd_limit();
    let authority = Authority::new();
    let gateway = authority.home.start();
    authority.handshake(gateway.address, &[]);
    let idle = memory(&gateway);
    let mut sockets = JoinSet::new();
    for _ in 0..SOCKETS {
        let address = gateway.address;
        sockets.spawn(async move {
            loop {
                let _ = half_tls_handshake(address).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let (began, mut most) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(if is_long() { 20 } else { 2 }) {
        most = most.max(memory(&gateway));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let growth = most.saturating_sub(idle);
    println!("half TLS handshakes: {:.1} MiB", growth as f64 / f64::from(1 << 20));
    assert!(growth <= MEMORY_MAX, "{growth} bytes");
}
