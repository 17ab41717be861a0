//! The listener: accepts, within limits; backs off when the machine runs out; ends when told.

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
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// What a connection beyond the limits gets: of its address, and of the gateway.
const TOO_MANY_RESPONSE: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const FULL_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// The longest pause after a failed accept.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Unacknowledged data for this long: the peer is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens a listening socket that can be reopened at once after a restart.
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

/// Accepts until `stop` says so; through TLS if there is an identity to show.
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
                // Out of descriptors: those who are connected go on, the next one waits.
                tracing::warn!(%error, "no connection can be accepted");
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
    let here =
        if limits.is_exempt(peer.ip()) { usize::MAX } else { limits.connections_per_address_max };
    let permit = match gateway.connections.acquire(peer.ip(), limits.connections_max, here) {
        Ok(permit) => permit,
        Err(why) => {
            tracing::debug!(address = %peer.ip(), ?why, "too many connections");
            metrics::record_rejected();
            // A word for whoever listens; nobody waits for it to be heard.
            let word = if why == ConnectionRefused::GatewayFull {
                FULL_RESPONSE
            } else {
                TOO_MANY_RESPONSE
            };
            let _ = tls.is_none().then(|| stream.try_write(word));
            return;
        }
    };
    // Small frames must not wait for each other; a failure here only costs time.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    let (tls, router) = (tls.cloned(), router.clone());
    tokio::spawn(async move {
        let stream = match tls {
            None => Some(Stream::Plain(stream)),
            Some(tls) => tls.handshake(stream).await,
        };
        if let Some(stream) = stream {
            server::serve(stream, peer, router, permit).await;
        }
    });
}
