//! One connection of the load generator, in the wire format of its server.

use std::net::SocketAddr;

use protocol::Password;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate::net::Client as GatewayMessages;

use crate::peer::{Peer, Server};

/// The heartbeat that every server receives.
const HEARTBEAT: &str = r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":1}"#;

/// First bytes of unfragmented WebSocket frames.
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// A connection, which is logged in if the server has logins.
pub struct Client {
    peer: Peer,
    stream: TcpStream,
    /// Bytes that were received and belong to the next message.
    rest: Vec<u8>,
    /// The heartbeat as bytes on the wire.
    heartbeat: Vec<u8>,
}

impl Client {
    /// Connects and subscribes to the pushes. If the server has logins, logs in as `u<number>`.
    pub async fn connect(server: &Server, number: usize) -> Self {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.set_nodelay(true).unwrap();
        if matches!(server.peer, Peer::Gateway | Peer::WebSocket) {
            stream = upgrade(stream, server.address).await;
        }
        let mut client =
            Self { peer: server.peer, stream, rest: Vec::new(), heartbeat: Vec::new() };
        client.heartbeat = match server.peer {
            Peer::Tcp => HEARTBEAT.into(),
            Peer::Gateway | Peer::WebSocket => text_frame(HEARTBEAT),
            Peer::Nats => publication(&format!("heartbeat.{number}"), HEARTBEAT),
        };
        match server.peer {
            Peer::Gateway => {
                client.login(&format!("u{number}"), "Password-1").await;
                client.subscribe_to_rights(number).await;
            }
            Peer::Nats => {
                let subscriptions = format!(
                    "CONNECT {{\"verbose\":false}}\r\nSUB heartbeat.{number} 1\r\nSUB push 2\r\n"
                );
                client.send(subscriptions.as_bytes()).await;
                client.send(b"PING\r\n").await;
                while client.line().await != b"PONG" {}
            }
            Peer::Tcp | Peer::WebSocket => {}
        }
        client
    }

    /// Connects as the administrator, who makes the changes that are pushed.
    pub async fn connect_administrator(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await.expect("a connection");
        let stream = upgrade(stream, server.address).await;
        let mut client =
            Self { peer: server.peer, stream, rest: Vec::new(), heartbeat: Vec::new() };
        client.login("admin", crate::gateway::PASSWORD).await;
        client
    }

    /// Sends a heartbeat and checks its reply.
    pub async fn heartbeat(&mut self) {
        self.stream.write_all(&self.heartbeat).await.expect("the server reads");
        let reply = self.receive().await;
        let is_expected = match self.peer {
            Peer::Gateway => reply.starts_with(br#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT_ACK""#),
            _ => reply == HEARTBEAT.as_bytes(),
        };
        assert!(is_expected, "{} replied {}", self.peer, String::from_utf8_lossy(&reply));
    }

    /// Publishes a message to all connections of nats-server or, if the text begins with `TO_ALL`,
    /// of the WebSocket echo.
    pub async fn publish(&mut self, text: &str) {
        let bytes = match self.peer {
            Peer::Nats => publication("push", text),
            _ => text_frame(text),
        };
        self.send(&bytes).await;
    }

    /// Waits for one push: a QUERY_UPDATE of the gateway, or `text` of another server.
    pub async fn receive_push(&mut self, text: &str) {
        let push = self.receive().await;
        let is_push = match self.peer {
            Peer::Gateway => push.starts_with(br#"{"MESSAGE_TYPE":"QUERY_UPDATE""#),
            _ => push == text.as_bytes(),
        };
        assert!(is_push, "{} pushed {}", self.peer, String::from_utf8_lossy(&push));
    }

    /// Sends a message to the gateway and returns its reply, which must not be a refusal.
    pub async fn request(&mut self, message: &str) -> Value {
        self.send(&text_frame(message)).await;
        let reply: Value = serde_json::from_slice(&self.receive().await).expect("JSON");
        let name = reply["MESSAGE_TYPE"].as_str().unwrap_or_default();
        assert!(name.ends_with("_ACK"), "{reply}");
        reply
    }

    async fn login(&mut self, name: &str, password: &str) {
        self.request(&GatewayMessages::login_message(name, &Password::new(password))).await;
    }

    async fn subscribe_to_rights(&mut self, number: usize) {
        let details = json!({
            "DATASOURCE_NAME": "USER_RIGHTS",
            "CRITERIA_MATCH": format!("USER_NAME=='u{number}'"),
        });
        let subscribe =
            json!({ "MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": "rights", "DETAILS": details });
        self.request(&subscribe.to_string()).await;
        // The first push has the rows that exist already.
        self.receive_push("").await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    /// Returns the payload of the next message. Answers pings of the server.
    async fn receive(&mut self) -> Vec<u8> {
        match self.peer {
            Peer::Tcp => self.bytes(HEARTBEAT.len()).await,
            Peer::Gateway | Peer::WebSocket => loop {
                let (kind, payload) = self.frame().await;
                if kind != PING {
                    assert_eq!(kind, TEXT, "an unfragmented text frame");
                    return payload;
                }
                let text = String::from_utf8(payload).expect("the payload of a ping is text");
                self.send(&frame(PONG, &text)).await;
            },
            Peer::Nats => {
                let mut line = self.line().await;
                while line == b"PING" {
                    self.send(b"PONG\r\n").await;
                    line = self.line().await;
                }
                let line = String::from_utf8(line).expect("text");
                assert!(line.starts_with("MSG "), "{line}");
                let length: Option<usize> = line.rsplit(' ').next().and_then(|it| it.parse().ok());
                let mut payload = self.bytes(length.expect("a length") + 2).await;
                payload.truncate(payload.len() - 2);
                payload
            }
        }
    }

    /// Returns the first byte and the payload of the next WebSocket frame.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.bytes(2).await;
        let number =
            |bytes: Vec<u8>| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let length = match head[1] {
            126 => number(self.bytes(2).await),
            127 => number(self.bytes(8).await),
            short => usize::from(short),
        };
        (head[0], self.bytes(length).await)
    }

    async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            let read = self.stream.read_buf(&mut self.rest).await.expect("the server writes");
            assert!(read > 0, "{} closed the connection", self.peer);
        }
        self.rest.drain(..length).collect()
    }

    async fn line(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = self.rest.windows(2).position(|end| end == b"\r\n") {
                let mut line = self.bytes(length + 2).await;
                line.truncate(length);
                return line;
            }
            let wanted = self.rest.len() + 1;
            let read = self.bytes(wanted).await;
            self.rest.splice(..0, read);
        }
    }
}

async fn upgrade(stream: TcpStream, address: SocketAddr) -> TcpStream {
    let url = format!("ws://{address}/");
    let (socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("an upgrade");
    socket.into_inner()
}

fn text_frame(text: &str) -> Vec<u8> {
    frame(TEXT, text)
}

/// Returns a masked frame. The mask is zero, so the payload is sent unchanged.
fn frame(kind: u8, text: &str) -> Vec<u8> {
    let mut frame = vec![kind];
    match u16::try_from(text.len()).expect("a short message") {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn publication(subject: &str, text: &str) -> Vec<u8> {
    format!("PUB {subject} {}\r\n{text}\r\n", text.len()).into_bytes()
}
