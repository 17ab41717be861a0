//! The listener: accepts connections within the limits until shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::stream::Stream;
use super::tls::Identity;
use crate::gateway::ConnectionRefused;
use crate::net::http::server;
use crate::platform::metrics;
use crate::router::Router;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Response to a connection beyond the limit of its client network.
const TOO_MANY_RESPONSE: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\
      X-Content-Type-Options: nosniff\r\n\r\n";
/// Response to a connection beyond the limit of the gateway.
const FULL_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\
      X-Content-Type-Options: nosniff\r\n\r\n";
/// Longest pause after a failed accept.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A connection whose peer does not acknowledge data for this long is dropped (TCP_USER_TIMEOUT).
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens a listening socket. SO_REUSEADDR lets a restarted process use the address at once.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until `stop` is true; with TLS if `tls` is given.
pub async fn run(
    listener: TcpListener,
    tls: Option<Arc<Identity>>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = Duration::from_millis(5);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::from_millis(5);
                accept(stream, peer, tls.as_ref(), &router);
            }
            Err(error) => {
                // The usual cause is that no file descriptor is free. Open connections continue;
                // new connections wait.
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn accept(stream: TcpStream, peer: SocketAddr, tls: Option<&Arc<Identity>>, router: &Router) {
    let gateway = router.gateway();
    let settings = gateway.settings();
    let limits = &settings.server.limits;
    let network_max =
        if limits.is_exempt(peer.ip()) { usize::MAX } else { limits.connections_per_address_max };
    let permit = match gateway.connections.acquire(peer.ip(), limits.connections_max, network_max) {
        Ok(permit) => permit,
        Err(why) => {
            tracing::debug!(address = %peer.ip(), ?why, "connection rejected");
            metrics::record_rejected();
            // With TLS no response is sent, because a response would require a handshake. Without
            // TLS the response is sent only if the socket accepts it at once.
            let response = if why == ConnectionRefused::GatewayFull {
                FULL_RESPONSE
            } else {
                TOO_MANY_RESPONSE
            };
            let _ = tls.is_none().then(|| stream.try_write(response));
            return;
        }
    };
    // Disables Nagle's algorithm, which delays small frames. A failure only adds latency.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    let (tls, router) = (tls.cloned(), router.clone());
    tokio::spawn(async move {
        let stream = match tls {
            None => Some(Stream::Plain(stream)),
            Some(tls) => tls.handshake(stream, peer.ip()).await,
        };
        if let Some(stream) = stream {
            server::serve(stream, peer, router, permit).await;
        }
    });
}
