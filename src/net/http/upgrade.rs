//! The upgrade from HTTP to WebSocket, with its checks.

use std::net::IpAddr;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::response::{HttpResponse, method_not_allowed, text_response};
use crate::gateway::Permits;
use crate::net::stream::Stream;
use crate::net::websocket::{FrameStream, connection};
use crate::router::Router;

/// Paths that accept the upgrade.
pub const PATHS: [&str; 4] = ["/", "/ws", "/gwf", "/gwf/"];

/// Accepts the upgrade, or returns a response with the reason of the refusal.
pub fn respond(
    request: Request<Incoming>,
    address: IpAddr,
    router: Router,
    permits: Permits,
) -> HttpResponse {
    if request.method() != Method::GET {
        return method_not_allowed("GET, OPTIONS", "a WebSocket upgrade must use GET\n");
    }
    let headers = request.headers();
    if !is_websocket_request(headers) {
        let mut response =
            text_response(StatusCode::UPGRADE_REQUIRED, "a WebSocket upgrade is required\n");
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        return response;
    }
    let query = request.uri().query().unwrap_or_default();
    if let Err(nack) = protocol::rest_paths::check_query(query) {
        let text = nack.errors.first().map_or("", |error| &error.text);
        return text_response(StatusCode::BAD_REQUEST, format!("{text}\n"));
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(key), Some(b"13")) = (key, version) else {
        let mut response = text_response(
            StatusCode::BAD_REQUEST,
            "WebSocket version 13 and Sec-WebSocket-Key are required\n",
        );
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    };
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return text_response(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is invalid\n");
    };
    tokio::spawn(upgrade(request, address, router, permits));
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// Takes the stream out of hyper, so that no HTTP state stays in memory. Then serves the stream as
/// a WebSocket connection.
async fn upgrade(request: Request<Incoming>, address: IpAddr, router: Router, permits: Permits) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
    let (stream, early) = (parts.io.into_inner(), parts.read_buf);
    let socket = FrameStream::new(stream, &early, &router.gateway().settings().server.limits);
    drop(early);
    permits.0.account.parsed();
    // The connection gets a new task: the memory of this task still includes the state of the
    // handshake.
    tokio::spawn(connection::serve(socket, router, address, permits));
}

fn is_websocket_request(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}
