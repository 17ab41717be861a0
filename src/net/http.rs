//! HTTP/1.1 on the gateway's port: the upgrade to WebSocket, checked before it is granted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::frames::Frames;
use super::websocket;
use crate::connections::Place;
use crate::router::Router;

/// Request line and headers must be there in this time.
pub const HEAD_WAIT: Duration = Duration::from_secs(5);
/// And fit into this many bytes.
pub const HEAD_BYTES: usize = 8 * 1024;
/// Where the upgrade is granted.
const PATHS: [&str; 4] = ["/", "/ws", "/gwf", "/gwf/"];

type Answer = Response<Full<Bytes>>;

/// Serves one connection; `place` is held until its last byte.
pub async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, place: Place) {
    let place = std::sync::Arc::new(place);
    let serve = service_fn(|request| {
        let answer = answer(request, peer, router.clone(), place.clone());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES)
        .max_headers(64)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), serve)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, address = %peer.ip(), "a connection ended before its upgrade");
    }
}

fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    place: std::sync::Arc<Place>,
) -> Answer {
    let path = request.uri().path();
    if !PATHS.contains(&path) {
        return plain(StatusCode::NOT_FOUND, "no such route; WebSocket is on / and /ws\n");
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "WebSocket begins with GET\n");
    }
    let headers = request.headers();
    if !asks_for_websocket(headers) {
        let mut answer = plain(StatusCode::UPGRADE_REQUIRED, "tollgate speaks WebSocket here\n");
        answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        return answer;
    }
    if !origin_is_allowed(headers, &router.node().settings.server.allowed_origins) {
        return plain(StatusCode::FORBIDDEN, "this origin is not allowed\n");
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(key), Some(b"13")) = (key, version) else {
        let mut answer =
            plain(StatusCode::BAD_REQUEST, "this needs WebSocket version 13 and a key\n");
        answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return answer;
    };
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return plain(StatusCode::BAD_REQUEST, "the key cannot be read\n");
    };
    tokio::spawn(upgrade(request, peer, router, place));
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answer.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    answer
}

/// Takes the stream out of hyper, so that nothing of HTTP stays in memory, and hands it to a pump.
async fn upgrade(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    place: std::sync::Arc<Place>,
) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let (stream, early) = (parts.io.into_inner(), parts.read_buf);
    let socket = Frames::new(stream, &early, &router.node().settings.server.limits).await;
    drop(early);
    // A task of its own: this one still holds the memory of the handshake.
    tokio::spawn(async move {
        websocket::serve(socket, router, peer.ip()).await;
        drop(place);
    });
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

/// Browsers: the same origin, or one that is configured. Programs send no Origin.
fn origin_is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let same = host.is_some_and(|host| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
    });
    same || allowed.iter().any(|it| it == origin)
}

/// A short answer in words.
pub fn plain(status: StatusCode, words: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(words.into()));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: &[&str], host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        for origin in origin {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        origin_is_allowed(&headers, &["https://desk.example".to_owned()])
    }

    #[test]
    fn only_known_origins_may_upgrade() {
        assert!(allowed(&[], "127.0.0.1:9064"));
        assert!(allowed(&["http://127.0.0.1:9064"], "127.0.0.1:9064"));
        assert!(allowed(&["https://desk.example"], "gate"));
        for hostile in [
            "null",
            "https://desk.example.evil",
            "https://evil-desk.example",
            "http://desk.example",
            "https://desk.example:8443",
            "https://DESK.example.",
            "http://127.0.0.1:9065",
            "http://127.0.0.1",
            "file://",
            "",
        ] {
            assert!(!allowed(&[hostile], "127.0.0.1:9064"), "{hostile}");
        }
        assert!(!allowed(&["https://desk.example", "https://evil.example"], "gate"));
    }
}
