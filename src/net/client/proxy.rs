//! A listener between a client and a gateway: it passes frames on and tells what passed.

use std::sync::Arc;

use futures::{SinkExt, StreamExt};
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

/// Connections that are passed on at the same time.
const LINKS_MAX: usize = 1_000;

/// What passed on a connection, which are counted from 0.
#[derive(Debug)]
#[expect(missing_docs, reason = "named by the words")]
pub enum ProxyEvent {
    Sent {
        link: usize,
        text: String,
    },
    Received {
        link: usize,
        text: String,
    },
    /// The client closed it.
    Left {
        link: usize,
    },
    /// The gateway closed it.
    Closed {
        link: usize,
        code: Option<u16>,
    },
    /// The gateway was not reached, or what came made no sense.
    Failed {
        link: usize,
        why: String,
    },
}

/// Told of all that passes.
pub type Listener = Arc<dyn Fn(ProxyEvent) + Send + Sync>;

/// Passes connections on until it is dropped.
pub async fn run_proxy(
    listener: TcpListener,
    route: Endpoint,
    tell: Listener,
) -> std::io::Result<()> {
    let room = Arc::new(tokio::sync::Semaphore::new(LINKS_MAX));
    for link in 0.. {
        // A closed semaphore does not happen: nobody closes it.
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let (stream, _) = listener.accept().await?;
        let (route, tell) = (route.clone(), tell.clone());
        tokio::spawn(async move {
            if let Err(error) = pass(stream, &route, link, &tell).await {
                tell(ProxyEvent::Failed { link, why: error.to_string() });
            }
            drop(permit);
        });
    }
    Ok(())
}

/// What the client asked for.
#[derive(Default)]
struct Wanted {
    path: String,
    protocol: Option<HeaderValue>,
}

type Socket<S> = WebSocketStream<S>;

async fn pass(
    stream: TcpStream,
    route: &Endpoint,
    link: usize,
    tell: &Listener,
) -> Result<(), ClientError> {
    let mut wanted = Wanted::default();
    #[expect(clippy::result_large_err, reason = "the form that the handshake asks for")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        Ok(greet(&mut wanted, request, response))
    };
    let mut near = tokio_tungstenite::accept_hdr_async(stream, look).await?;
    match reach(route, wanted).await {
        Ok(far) => forward(near, far, link, tell).await,
        Err(error) => {
            let code = CloseCode::from(BAD_GATEWAY);
            let frame = CloseFrame { code, reason: "the gateway was not reached".into() };
            near.close(Some(frame)).await?;
            Err(error)
        }
    }
}

/// A browser that names protocols wants one of them.
fn greet(wanted: &mut Wanted, request: &Request, mut response: Response) -> Response {
    wanted.path = request.uri().path_and_query().map_or("/".to_owned(), |it| it.to_string());
    let named = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let first = named.and_then(|it| it.to_str().ok()).and_then(|it| it.split(',').next());
    wanted.protocol = first.and_then(|first| HeaderValue::from_str(first.trim()).ok());
    if let Some(protocol) = &wanted.protocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    response
}

async fn reach(route: &Endpoint, wanted: Wanted) -> Result<Socket<Stream>, ClientError> {
    let path = if route.path() == "/" { wanted.path } else { route.path().to_owned() };
    let mut request = format!("ws://{}{path}", route.at()).into_client_request()?;
    if let Some(protocol) = wanted.protocol {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let stream = route.connect(None).await?;
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// Passes frames both ways until one side ends it, and tells the other.
async fn forward(
    mut near: Socket<TcpStream>,
    mut far: Socket<Stream>,
    link: usize,
    tell: &Listener,
) -> Result<(), ClientError> {
    loop {
        tokio::select! {
            message = near.next() => match message {
                Some(Ok(Message::Close(frame))) => {
                    tell(ProxyEvent::Left { link });
                    return Ok(ended(far.close(frame).await)?);
                }
                Some(Ok(message)) => {
                    if let Message::Text(text) = &message {
                        tell(ProxyEvent::Sent { link, text: text.to_string() });
                    }
                    hand_on(&mut far, message).await?;
                }
                Some(Err(_)) | None => {
                    tell(ProxyEvent::Left { link });
                    return Ok(ended(far.close(None).await)?);
                }
            },
            message = far.next() => match message {
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map(|it| it.code.into());
                    tell(ProxyEvent::Closed { link, code });
                    return Ok(ended(near.close(frame).await)?);
                }
                Some(Ok(message)) => {
                    if let Message::Text(text) = &message {
                        tell(ProxyEvent::Received { link, text: text.to_string() });
                    }
                    hand_on(&mut near, message).await?;
                }
                Some(Err(_)) | None => {
                    tell(ProxyEvent::Closed { link, code: None });
                    return Ok(ended(near.close(None).await)?);
                }
            },
        }
    }
}

/// Pings are answered by each side for itself.
async fn hand_on<S: AsyncRead + AsyncWrite + Unpin>(
    to: &mut Socket<S>,
    message: Message,
) -> Result<(), tungstenite::Error> {
    match message {
        Message::Text(_) | Message::Binary(_) => to.send(message).await,
        _ => Ok(()),
    }
}

/// RFC 6455's registry: Bad Gateway.
const BAD_GATEWAY: u16 = 1014;

/// The other side may have gone before it was told.
fn ended(closed: Result<(), tungstenite::Error>) -> Result<(), tungstenite::Error> {
    match closed {
        Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Io(_)) => Ok(()),
        other => other,
    }
}
