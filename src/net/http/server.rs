//! The HTTP/1.1 server on the gateway's port: WebSocket upgrades and REST.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;

use super::response::{HttpResponse, with_nosniff};
use super::{admission, cors, upgrade};
use crate::gateway::ConnectionPermit;
use crate::messages::schema::{asyncapi, openapi};
use crate::net::rate_limit::RequestRate;
use crate::net::rest::serve;
use crate::net::stream::Stream;
use crate::router::Router;
use crate::settings::AddressRange;

/// Time limit for receiving the request line and headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of the request line and the headers together, in bytes.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// The API schemas, generated once, so that requests for them are cheap.
static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());
static ASYNCAPI: LazyLock<Bytes> = LazyLock::new(|| asyncapi::document().to_string().into());

/// Serves one connection, also as a WebSocket connection after an upgrade. `permit` is held until
/// the connection closes.
pub async fn serve(stream: Stream, peer: SocketAddr, router: Router, permit: ConnectionPermit) {
    let permit = Arc::new(permit);
    let limits = &router.gateway().settings().server.limits;
    let rate =
        RequestRate::new(limits.messages_per_sec_per_connection, router.gateway().clock.now());
    let rate = Arc::new(Mutex::new(rate));
    let serve = service_fn(|request| {
        let (router, permit, rate) = (router.clone(), permit.clone(), rate.clone());
        async move {
            let response = respond(request, peer, router, permit, &rate).await;
            Ok::<_, Infallible>(with_nosniff(response))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(64)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), serve)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, address = %peer.ip(), "connection ended with an error");
    }
}

pub(super) async fn respond(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    permit: Arc<ConnectionPermit>,
    rate: &Mutex<RequestRate>,
) -> HttpResponse {
    let server = &router.gateway().settings().server;
    let address = client_address(peer.ip(), request.headers(), &server.trusted_proxies);
    if let Err(refused) = admission::check(&request, address, server) {
        return *refused;
    }
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    if upgrade::PATHS.contains(&request.uri().path())
        && (is_upgrade || request.method() != Method::OPTIONS)
    {
        return upgrade::respond(request, address, router, permit);
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = match *request.method() {
        Method::OPTIONS => cors::preflight(),
        Method::GET if request.uri().path() == "/openapi.json" => {
            crate::net::http::response::json(StatusCode::OK, OPENAPI.clone())
        }
        Method::GET if request.uri().path() == "/asyncapi.json" => {
            crate::net::http::response::json(StatusCode::OK, ASYNCAPI.clone())
        }
        _ => serve::respond(request, address, &router, rate).await,
    };
    cors::add_headers(&mut response, origin);
    if is_chunked {
        // A proxy may have determined another length of the body. Without the close, the bytes
        // after the body could be read as the next request (request smuggling).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns the client's address. X-Forwarded-For is read from its end; an entry counts only if a
/// trusted proxy added it.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|it| it.to_str().ok());
    let mut forwarded: Vec<_> = forwarded.flat_map(|it| it.split(',')).map(str::trim).collect();
    let mut address = peer;
    while is_trusted(address) {
        let Some(Ok(next)) = forwarded.pop().map(str::parse) else { break };
        address = next;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_forwarded_for_counts_only_from_trusted_proxies() {
        let trusted: Vec<AddressRange> =
            serde_json::from_str(r#"["10.0.0.0/8", "127.0.0.1"]"#).unwrap();
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for forwarded in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_str(forwarded).unwrap());
            }
            super::client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(client("9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.7"]), "1.2.3.4");
        assert_eq!(client("127.0.0.1", &["nonsense"]), "127.0.0.1");
    }
}
