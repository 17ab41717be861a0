//! What a conversation needs of the world: a way to open connections, and to talk over them.

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

    /// Opens a connection of this client.
    fn open(
        &self,
        client: usize,
    ) -> impl Future<Output = Result<Self::Connection, ClientError>> + Send;
}

/// One connection.
pub trait ConnectionIo: Send {
    /// Sends a message.
    fn send(&mut self, text: String) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// Sends what is no text.
    fn send_binary(
        &mut self,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;

    /// What comes next.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received>;

    /// Whether frames of this MESSAGE_TYPE (none: the end of the connection) can come this way.
    fn can_receive(&self, _message_type: Option<&str>) -> bool {
        true
    }

    /// Whether this message can be said at all; if not, its answer is not waited for.
    fn can_send(&self, _message: &Value) -> bool {
        true
    }
}

/// Connections over WebSocket, spread over the addresses of this machine that are named.
#[derive(Clone)]
pub struct WebSocketTransport {
    /// The way.
    pub endpoint: Endpoint,
    /// Addresses of this machine to connect from; none: whichever the system takes.
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
