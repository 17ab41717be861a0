//! Tests of the limits of frames, messages and bytes before a session is bound.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::clients::get;
use crate::harness::gateway::free_port;
use crate::harness::{Authority, Client, Home, PASSWORD, QUICK};

/// The code and reason with which the gateway closes the connection.
async fn close_reason(client: &mut Client) -> (u16, String) {
    loop {
        match client.socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                return (frame.code.into(), frame.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("no close frame with a code: {other:?}"),
        }
    }
}

fn heartbeat(length: usize) -> Value {
    let padding = "x".repeat(length);
    json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": "beat", "PADDING": padding })
}

#[tokio::test]
async fn messages_before_a_session_is_bound_are_small() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.ask(heartbeat(16_000)).await["CODE"], "SESSION_NOT_FOUND");
    client.send(heartbeat(16_384)).await;
    assert_eq!(close_reason(&mut client).await, (1009, "BAD_FRAME".to_owned()));

    // Fragments of allowed size make no larger message.
    let mut client = Client::connect(gateway.address).await;
    let fragment = [0x01_u8, 0xfe, 0x23, 0x28, 0, 0, 0, 0].into_iter().chain([b' '; 9_000]);
    let mut bytes: Vec<u8> = fragment.collect();
    let mut second = bytes.clone();
    second[0] = 0x00;
    bytes.extend(second);
    client.socket.get_mut().write_all(&bytes).await.unwrap();
    assert_eq!(close_reason(&mut client).await, (1009, "BAD_FRAME".to_owned()));

    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let ack = admin.ask(heartbeat(200_000)).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
}

#[tokio::test]
async fn frames_before_a_session_is_bound_are_limited_also_pings_and_pongs() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let frames = [
        Message::Ping(Bytes::new()),
        Message::Pong(Bytes::new()),
        Message::text(heartbeat(0).to_string()),
    ];
    for frame in frames {
        let mut client = Client::connect(gateway.address).await;
        // More than two windows can hold: some window has more than 50 frames. The gateway may
        // close the connection while the last frames are sent.
        for _ in 0..500 {
            let _ = client.socket.feed(frame.clone()).await;
        }
        let _ = client.socket.flush().await;
        assert_eq!(close_reason(&mut client).await, (4511, "TOO_FAST".to_owned()), "{frame:?}");
    }
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for _ in 0..200 {
        admin.socket.feed(Message::Ping(Bytes::new())).await.unwrap();
    }
    let ack = admin.ask(heartbeat(0)).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
}

#[tokio::test]
async fn a_login_and_ninety_subscriptions_can_be_sent_at_once() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut client = Client::connect(gateway.address).await;
    let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login",
        "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
    client.socket.feed(Message::text(login.to_string())).await.unwrap();
    for at in 0..90 {
        let logon = json!({ "MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": at,
            "DETAILS": { "DATASOURCE_NAME": "USER_RIGHTS" } });
        client.socket.feed(Message::text(logon.to_string())).await.unwrap();
    }
    client.socket.flush().await.unwrap();
    let mut opened = 0;
    while opened < 90 {
        let message = client.receive().await.expect("the connection ended");
        opened += usize::from(message["MESSAGE_TYPE"] == "LOGON_ACK");
    }
}

/// Opens 200 connections that each hold almost 16 KiB: incomplete bodies and frames.
async fn large_holders(address: SocketAddr) -> Vec<TcpStream> {
    let mut large = Vec::new();
    for at in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if at % 2 == 0 {
            let head = "POST /event-login-auth HTTP/1.1\r\nHost: here\r\nSOURCE_REF: 1\r\n\
                        Content-Length: 16000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&[b' '; 15_900]).await.unwrap();
        } else {
            let mut client = Client::connect(address).await;
            client.socket.get_mut().write_all(&incomplete_frame(15_900)).await.unwrap();
            stream = client.socket.into_inner();
        }
        large.push(stream);
    }
    large
}

#[tokio::test]
async fn connections_that_hold_most_are_closed_when_the_budget_is_exceeded() {
    let port = free_port();
    let management = format!("management_listen = '127.0.0.1:{port}'");
    let configuration = QUICK
        .replace("management_listen = ''", &management)
        .replace("[server.limits]", "[server.limits]\nunauthenticated_total_mb = 1");
    let home = Home::new(&configuration);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut small = Client::connect(gateway.address).await;
    small.socket.get_mut().write_all(&incomplete_frame(100)).await.unwrap();
    let mut large = large_holders(gateway.address).await;
    // 200 connections hold about 3 MiB; at most 1 MiB is allowed.
    let mut closed = 0;
    while closed < 120 {
        let read = futures_util::future::select_all(large.iter_mut().map(|stream| {
            Box::pin(async move {
                let mut bytes = [0; 1024];
                matches!(stream.read(&mut bytes).await, Ok(0) | Err(_))
            })
        }));
        let (is_closed, at, others) = read.await;
        drop(others);
        if is_closed {
            large.swap_remove(at);
            closed += 1;
        }
    }
    small.socket.get_mut().write_all(&[b' '; 100]).await.unwrap();
    let refused = small.receive().await.expect("the smallest holder was closed");
    assert_eq!(refused["MESSAGE_TYPE"], "MSG_NACK", "{refused}");
    let ack = admin.ask(heartbeat(0)).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
    let (_, metrics) = get(([127, 0, 0, 1], port).into(), "/metrics").await;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse::<f64>()
    };
    assert!(value("tollgate_unauthenticated_closed_total").unwrap() >= 120.0, "{metrics}");
    let held = value("tollgate_unauthenticated_bytes").unwrap();
    assert!((100.0..1_048_576.0).contains(&held), "{held}");
}

/// A text frame that lacks its last 100 bytes.
fn incomplete_frame(sent: u16) -> Vec<u8> {
    let [high, low] = (sent + 100).to_be_bytes();
    let mut frame = vec![0x81, 0xfe, high, low, 0, 0, 0, 0];
    frame.resize(frame.len() + usize::from(sent), b' ');
    frame
}

#[tokio::test]
async fn a_tls_handshake_with_too_many_bytes_is_ended() {
    let authority = Authority::new();
    let gateway = authority.home.start();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    // A handshake message of 60,000 bytes, in records of 8,192 bytes.
    let mut handshake = vec![1, 0, 0xea, 0x60];
    handshake.resize(60_000, 0);
    for record in handshake.chunks(8_192) {
        let [high, low] = u16::try_from(record.len()).unwrap().to_be_bytes();
        // The gateway may close the connection before the last record.
        let _ = stream.write_all(&[&[22, 3, 1, high, low], record].concat()).await;
    }
    let closed = tokio::time::timeout(std::time::Duration::from_secs(4), async {
        let mut bytes = [0; 1024];
        while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    });
    closed.await.expect("the handshake waits for more bytes");
}
