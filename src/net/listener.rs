//! The listener: accepts connections within the limits until shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::stream::{CountedStream, Stream};
use super::tls::Identity;
use crate::gateway::ConnectionRefused;
use crate::net::http::{refused_status, server};
use crate::platform::{metrics, refusal_line};
use crate::router::Router;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Maximum number of refused connections that wait until the client has read the response.
const REFUSED_MAX: usize = 64;
/// Longest wait until a client has read the response to a refused connection.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of reads from a refused connection.
const REFUSED_READS_MAX: usize = 16;
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
                refusal_line!(WARN, None, %error, "accepting a connection failed");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn accept(stream: TcpStream, peer: SocketAddr, tls: Option<&Arc<Identity>>, router: &Router) {
    let gateway = router.gateway();
    let settings = gateway.settings();
    let (limits, connections) = (&settings.server.limits, &gateway.connections);
    // The connections of a trusted proxy are counted for its clients, whose addresses are not known
    // yet.
    let is_proxy = settings.server.is_trusted_proxy(peer.ip());
    let network = (!is_proxy).then(|| connections.acquire_network(peer.ip(), limits)).transpose();
    let permit =
        match network.and_then(|network| connections.acquire(limits.connections_max, network)) {
            Ok(permit) => permit,
            Err(why) => return refuse(stream, peer, why, tls.is_some()),
        };
    let now = gateway.clock.now();
    let delay =
        if is_proxy { Duration::ZERO } else { connections.arrival_delay(peer.ip(), limits, now) };
    // Disables Nagle's algorithm, which delays small frames. A failure only adds latency.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    let (tls, router) = (tls.cloned(), router.clone());
    tokio::spawn(async move {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let stream = CountedStream::new(stream, permit.account.clone());
        let stream = match tls {
            None => Some(Stream::Plain(stream)),
            // Boxed, so that the task of an open connection has no memory for the handshake.
            Some(tls) => {
                let handshake = Box::pin(tls.handshake(stream, peer.ip()));
                permit.account.run(handshake).await.flatten()
            }
        };
        if let Some(stream) = stream {
            permit.account.parsed();
            server::serve(stream, peer, router, permit).await;
        }
    });
}

/// Refuses a connection. Without TLS, sends a response with the reason; with TLS, a response would
/// require a handshake.
fn refuse(stream: TcpStream, peer: SocketAddr, why: ConnectionRefused, is_tls: bool) {
    static WAITING: Semaphore = Semaphore::const_new(REFUSED_MAX);
    metrics::record_rejected();
    refusal_line!(INFO, Some(peer.ip()), why = why.text().trim_end(), "connection refused");
    if is_tls {
        return;
    }
    let (status, text) = (refused_status(why), why.text());
    let response = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n{text}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        text.len(),
    );
    // The response is sent only if the socket accepts it at once.
    let _ = stream.try_write(response.as_bytes());
    // A socket that is closed with unread input sends a reset: the client may lose the response.
    if let Ok(place) = WAITING.try_acquire() {
        tokio::spawn(async move {
            let _ = socket2::SockRef::from(&stream).shutdown(std::net::Shutdown::Write);
            let _ = tokio::time::timeout(REFUSED_TIMEOUT, read_to_end(&stream)).await;
            drop(place);
        });
    }
}

async fn read_to_end(stream: &TcpStream) {
    let mut discarded = [0; 1024];
    for _ in 0..REFUSED_READS_MAX {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut discarded) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
