//! Simple clients of a running gateway: a WebSocket and an HTTP GET.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Connects from a given loopback address.
pub async fn stream_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// A client with one WebSocket connection.
pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::upgrade(TcpStream::connect(address).await.expect("connecting failed")).await
    }

    /// Connects from a given loopback address.
    pub async fn connect_from(from: &str, address: SocketAddr) -> Self {
        Self::upgrade(stream_from(from, address).await).await
    }

    async fn upgrade(stream: TcpStream) -> Self {
        let url = format!("ws://{}/", stream.peer_addr().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(url, stream)
            .await
            .expect("the WebSocket upgrade failed");
        Self { socket }
    }

    /// Connects and logs in.
    pub async fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        let mut client = Self::connect(address).await;
        let ack = client
            .ask(json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login",
                "DETAILS": {"USER_NAME": user, "PASSWORD": password}}))
            .await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");
        client
    }

    pub async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("sending a message failed");
    }

    /// Waits for the next text frame; `None` if the connection ends.
    pub async fn receive(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(30), self.socket.next()).await;
            match frame.expect("no frame was received within 30 s") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("a frame is not JSON"));
                }
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Sends a message and waits for the reply with its SOURCE_REF. Other frames are skipped.
    pub async fn ask(&mut self, message: Value) -> Value {
        let source_ref = message["SOURCE_REF"].clone();
        self.send(message).await;
        loop {
            let answer = self.receive().await.expect("the connection ended before the reply");
            if answer["SOURCE_REF"] == source_ref {
                return answer;
            }
        }
    }
}

/// Inserts a right or a profile. Returns false if the connection ended before the reply.
pub async fn insert(client: &mut Client, kind: &str, key: &str, details: Value) -> bool {
    let message_type = format!("EVENT_INSERT_{kind}");
    let message = json!({"MESSAGE_TYPE": message_type, "SOURCE_REF": key, "DETAILS": details});
    if client.socket.send(Message::text(message.to_string())).await.is_err() {
        return false;
    }
    loop {
        let Some(answer) = client.receive().await else { return false };
        if answer["SOURCE_REF"] == key {
            assert_eq!(answer["MESSAGE_TYPE"], format!("{message_type}_ACK"), "{answer}");
            return true;
        }
    }
}

/// Subscribes to a data source and reads all its rows (at most 100,000). The subscription stays
/// open; its SOURCE_REF is the name of the source. Before a second call for the same
/// source, cancel it.
pub async fn rows(client: &mut Client, source: &str) -> Vec<Value> {
    let details = json!({"DATASOURCE_NAME": source, "MAX_ROWS": 10_000, "MAX_VIEW": 100_000});
    client
        .send(json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": source, "DETAILS": details}))
        .await;
    let mut found = Vec::new();
    loop {
        let mut message = client.receive().await.expect("the connection ended before the last row");
        if message["SOURCE_REF"] != source || message["MESSAGE_TYPE"] != "QUERY_UPDATE" {
            continue;
        }
        if let Some(rows) = message["ROW"].as_array_mut() {
            found.extend(rows.iter_mut().map(|row| row["DETAILS"].take()));
        }
        if message["MORE_ROWS"] == false {
            return found;
        }
        client.send(json!({"MESSAGE_TYPE": "MORE_ROWS", "SOURCE_REF": source})).await;
    }
}

/// The distinct values of a field in all rows.
pub fn column(rows: &[Value], field: &str) -> BTreeSet<String> {
    rows.iter()
        .map(|row| row[field].as_str().expect("the field is not a string").to_owned())
        .collect()
}

/// Sends a GET request and returns status and body of the response.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}
