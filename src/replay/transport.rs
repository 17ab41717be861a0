//! Transports of the player: opening connections, sending and receiving frames.

use std::future::Future;
use std::net::IpAddr;
use std::task::{Context, Poll};

use serde_json::Value;

pub use crate::net::Received;
use crate::net::{Client, ClientError, Endpoint};

/// Opens connections to a gateway.
pub trait Transport: Send + Sync + 'static {
    /// One connection.
    type Connection: ConnectionIo;

    /// Opens a connection for this client.
    fn open(
        &self,
        client: usize,
    ) -> impl Future<Output = Result<Self::Connection, ClientError>> + Send;
}

/// One connection.
pub trait ConnectionIo: Send {
    /// Sends a message.
    fn send(&mut self, text: String) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Sends a binary frame.
    fn send_binary(
        &mut self,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Polls for the next frame or the end of the connection.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received>;

    /// Whether this transport can receive frames of this MESSAGE_TYPE (`None`: the end of the
    /// connection).
    fn can_receive(&self, _message_type: Option<&str>) -> bool {
        true
    }

    /// Whether this transport supports a message; if not, no reply is expected.
    fn can_send(&self, _message: &Value) -> bool {
        true
    }
}

/// Opens WebSocket connections, from several local addresses if configured.
#[derive(Clone)]
pub struct WebSocketTransport {
    /// The address of the gateway.
    pub endpoint: Endpoint,
    /// Local addresses to connect from; if empty, the system chooses.
    pub from: Vec<IpAddr>,
}

impl WebSocketTransport {
    pub(super) fn source_address(&self, client: usize) -> Option<IpAddr> {
        self.from.get(client % self.from.len().max(1)).copied()
    }
}

impl Transport for WebSocketTransport {
    type Connection = Client;

    async fn open(&self, client: usize) -> Result<Client, ClientError> {
        Client::connect_by(&self.endpoint, self.source_address(client)).await
    }
}

impl ConnectionIo for Client {
    async fn send(&mut self, text: String) -> Result<(), ClientError> {
        Client::send(self, text).await
    }

    async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), ClientError> {
        Client::send_binary(self, bytes).await
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        Client::poll_receive(self, context)
    }
}
