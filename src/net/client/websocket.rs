//! A WebSocket client of a gateway, for the command line and the replay of scripts.

use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, Stream as _, StreamExt};
use protocol::Password;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::endpoint::{Endpoint, TlsTrust};
use super::error::ClientError;
use crate::net::stream::Stream;

/// How long [`Client::receive_reply`] waits.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Read buffer of each connection; small, because a load test opens thousands of connections.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// A text frame or the end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// The connection is closed, with this close code if one was received.
    Closed(Option<u16>),
}

/// A WebSocket connection to a gateway.
pub struct Client {
    stream: WebSocketStream<Stream>,
}

impl Client {
    /// Connects to an address. `authority` is a PEM file of certificates to trust instead of the
    /// system's certificates.
    pub async fn connect(to: &str, authority: Option<&Path>) -> Result<Self, ClientError> {
        let trust = TlsTrust { authority: authority.map(Path::to_owned), insecure: false };
        Self::connect_by(&Endpoint::parse(to, &trust)?, None).await
    }

    /// Connects to an endpoint, from the local address `from` if it is given.
    pub async fn connect_by(
        endpoint: &Endpoint,
        from: Option<IpAddr>,
    ) -> Result<Self, ClientError> {
        let stream = endpoint.connect(from).await?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let url = endpoint.url();
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self { stream: socket })
    }

    /// Returns the message of a login by password.
    pub fn login_message(user: &str, password: &Password) -> String {
        let details = json!({ "USER_NAME": user, "PASSWORD": password.expose() });
        let message: Value = json!({
            "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login", "DETAILS": details,
        });
        message.to_string()
    }

    /// Sends a text frame.
    pub async fn send(&mut self, message: String) -> Result<(), ClientError> {
        Ok(self.stream.send(Message::text(message)).await?)
    }

    /// Sends a binary frame.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), ClientError> {
        Ok(self.stream.send(Message::binary(bytes)).await?)
    }

    /// Polls for the next text frame or the end of the connection.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        loop {
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    return Poll::Ready(Received::Text(text.as_str().to_owned()));
                }
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    return Poll::Ready(Received::Closed(frame.map(|it| it.code.into())));
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Received::Closed(None)),
            }
        }
    }

    /// Waits for the next text frame.
    pub async fn receive(&mut self) -> Result<String, ClientError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_))) | None => return Err(ClientError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Waits at most 30 seconds for the next text frame.
    pub async fn receive_reply(&mut self) -> Result<String, ClientError> {
        let reply = tokio::time::timeout(REPLY_TIMEOUT, self.receive()).await;
        reply.unwrap_or(Err(ClientError::Timeout))
    }
}
