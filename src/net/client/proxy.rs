//! A WebSocket proxy that forwards frames between clients and a gateway, and reports the frames.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use super::endpoint::Endpoint;
use super::error::ClientError;
use crate::net::stream::Stream;

/// Maximum number of connections that are forwarded at the same time.
const CONNECTIONS_MAX: usize = 1_000;

/// An event of a connection. Connections are numbered from 0.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub enum ProxyEvent {
    /// The client sent a text frame.
    Sent { connection: usize, text: String },
    /// The gateway sent a text frame.
    Received { connection: usize, text: String },
    /// The client closed the connection, or its connection broke.
    ClientClosed { connection: usize },
    /// The gateway closed the connection, with this close code if it sent one, or the connection
    /// broke.
    GatewayClosed { connection: usize, code: Option<u16> },
    /// The gateway could not be reached, a handshake failed, or a frame could not be forwarded.
    Failed { connection: usize, why: String },
}

/// The function that receives all events of the proxy.
pub type ProxyObserver = Arc<dyn Fn(ProxyEvent) + Send + Sync>;

/// Accepts connections until the future is dropped or accepting fails. Each accepted connection is
/// forwarded by a task of its own. These tasks continue when accepting has ended.
pub async fn run_proxy(
    listener: TcpListener,
    endpoint: Endpoint,
    observe: ProxyObserver,
) -> std::io::Result<()> {
    let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    for connection in 0.. {
        // The semaphore is never closed.
        let Ok(permit) = permits.clone().acquire_owned().await else { break };
        let (stream, _) = listener.accept().await?;
        let (endpoint, observe) = (endpoint.clone(), observe.clone());
        tokio::spawn(async move {
            if let Err(error) = proxy_connection(stream, &endpoint, connection, &observe).await {
                observe(ProxyEvent::Failed { connection, why: error.to_string() });
            }
            drop(permit);
        });
    }
    Ok(())
}

/// Path and subprotocol of the client's upgrade request.
#[derive(Default)]
struct UpgradeRequest {
    path: String,
    protocol: Option<HeaderValue>,
}

type WsStream<S> = WebSocketStream<S>;

async fn proxy_connection(
    stream: TcpStream,
    endpoint: &Endpoint,
    connection: usize,
    observe: &ProxyObserver,
) -> Result<(), ClientError> {
    let mut upgrade = UpgradeRequest::default();
    #[expect(clippy::result_large_err, reason = "tungstenite's callback requires this type")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        Ok(accept_upgrade(&mut upgrade, request, response))
    };
    let mut client = tokio_tungstenite::accept_hdr_async(stream, callback).await?;
    match connect_gateway(endpoint, upgrade).await {
        Ok(gateway) => forward(client, gateway, connection, observe).await,
        Err(error) => {
            let code = CloseCode::from(BAD_GATEWAY);
            let frame = CloseFrame { code, reason: "the gateway cannot be reached".into() };
            client.close(Some(frame)).await?;
            Err(error)
        }
    }
}

/// Stores the path and the first offered subprotocol of the request, and accepts this subprotocol.
/// Browsers close the connection if the response names none of the subprotocols that they offered.
fn accept_upgrade(
    upgrade: &mut UpgradeRequest,
    request: &Request,
    mut response: Response,
) -> Response {
    upgrade.path = request.uri().path_and_query().map_or("/".to_owned(), |it| it.to_string());
    let named = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let first = named.and_then(|it| it.to_str().ok()).and_then(|it| it.split(',').next());
    upgrade.protocol = first.and_then(|first| HeaderValue::from_str(first.trim()).ok());
    if let Some(protocol) = &upgrade.protocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    response
}

async fn connect_gateway(
    endpoint: &Endpoint,
    upgrade: UpgradeRequest,
) -> Result<WsStream<Stream>, ClientError> {
    let path = if endpoint.path() == "/" { upgrade.path } else { endpoint.path().to_owned() };
    let mut request = format!("ws://{}{path}", endpoint.host_port()).into_client_request()?;
    if let Some(protocol) = upgrade.protocol {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let stream = endpoint.connect(None).await?;
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// Forwards frames in both directions until one side closes; then closes the other side.
async fn forward(
    mut client: WsStream<TcpStream>,
    mut gateway: WsStream<Stream>,
    connection: usize,
    observe: &ProxyObserver,
) -> Result<(), ClientError> {
    loop {
        tokio::select! {
            message = client.next() => match message {
                Some(Ok(Message::Close(frame))) => {
                    observe(ProxyEvent::ClientClosed { connection });
                    return Ok(ignore_closed(gateway.close(frame).await)?);
                }
                Some(Ok(message)) => {
                    if let Message::Text(text) = &message {
                        observe(ProxyEvent::Sent { connection, text: text.to_string() });
                    }
                    forward_message(&mut gateway, message).await?;
                }
                Some(Err(_)) | None => {
                    observe(ProxyEvent::ClientClosed { connection });
                    return Ok(ignore_closed(gateway.close(None).await)?);
                }
            },
            message = gateway.next() => match message {
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map(|it| it.code.into());
                    observe(ProxyEvent::GatewayClosed { connection, code });
                    return Ok(ignore_closed(client.close(frame).await)?);
                }
                Some(Ok(message)) => {
                    if let Message::Text(text) = &message {
                        observe(ProxyEvent::Received { connection, text: text.to_string() });
                    }
                    forward_message(&mut client, message).await?;
                }
                Some(Err(_)) | None => {
                    observe(ProxyEvent::GatewayClosed { connection, code: None });
                    return Ok(ignore_closed(client.close(None).await)?);
                }
            },
        }
    }
}

/// Forwards text and binary frames; tungstenite answers pings on each side.
async fn forward_message<S: AsyncRead + AsyncWrite + Unpin>(
    to: &mut WsStream<S>,
    message: Message,
) -> Result<(), tungstenite::Error> {
    match message {
        Message::Text(_) | Message::Binary(_) => to.send(message).await,
        _ => Ok(()),
    }
}

/// Close code "Bad Gateway" in IANA's registry of WebSocket close codes.
const BAD_GATEWAY: u16 = 1014;

/// Ignores that a connection could not be closed: its peer may have disconnected already.
fn ignore_closed(closed: Result<(), tungstenite::Error>) -> Result<(), tungstenite::Error> {
    match closed {
        Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Io(_)) => Ok(()),
        other => other,
    }
}
