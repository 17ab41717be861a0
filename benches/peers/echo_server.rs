//! The two echo servers: bytes over TCP, and text messages over tokio-tungstenite.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::peer::Peer;

/// The WebSocket echo sends a message with this beginning to all connections, including the sender.
pub const TO_ALL: &str = "{\"MESSAGE_TYPE\":\"EVENT_AMEND_PROFILE\"";

/// Prints the address, then serves until the process is killed.
pub fn run(peer: Peer) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        // The channel has room for more messages than a round sends, so that none is lost.
        let (all, _) = broadcast::channel(4_096);
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No file descriptor is free; connections that end will free some.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            if peer == Peer::Tcp {
                tokio::spawn(echo_bytes(stream));
            } else {
                tokio::spawn(echo_messages(stream, all.clone()));
            }
        }
    });
}

async fn echo_bytes(mut stream: TcpStream) {
    let mut buffer = vec![0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn echo_messages(stream: TcpStream, all: broadcast::Sender<Utf8Bytes>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut pushed = all.subscribe();
    loop {
        let text = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.starts_with(TO_ALL) => {
                    // Cannot fail: this connection itself receives what is sent to all.
                    let _ = all.send(text);
                    continue;
                }
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(_)) => continue,
                _ => return,
            },
            Ok(text) = pushed.recv() => text,
        };
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
}
