//! The HTTP/1.1 server on the gateway's port: WebSocket upgrades and REST.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;

use super::client_address::client_address;
use super::response::{HttpResponse, json, refused_status, text_response, with_nosniff};
use super::{admission, cors, upgrade};
use crate::gateway::{ConnectionPermit, ConnectionRefused, Gateway, NetworkPermit};
use crate::messages::schema::{asyncapi, openapi};
use crate::net::rate_limit::RequestRate;
use crate::net::rest::serve;
use crate::net::stream::Stream;
use crate::platform::{metrics, refusal_line};
use crate::router::Router;

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
    let (account, permit) = (permit.account.clone(), Arc::new(permit));
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
    if let Some(Err(error)) = account.run(connection).await {
        refusal_line!(DEBUG, Some(peer.ip()), %error, "connection ended with an error");
    }
}

pub(super) async fn respond(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    permit: Arc<ConnectionPermit>,
    rate: &Mutex<RequestRate>,
) -> HttpResponse {
    permit.account.parsed();
    let gateway = router.gateway().clone();
    let server = &gateway.settings().server;
    let address = client_address(peer.ip(), request.headers(), server);
    if let Err(refused) = admission::check(&request, address, server) {
        return *refused;
    }
    let network = match network_permit(&gateway, peer.ip(), address) {
        Ok(network) => network,
        Err(why) => return text_response(refused_status(why), why.text()),
    };
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    if upgrade::PATHS.contains(&request.uri().path())
        && (is_upgrade || request.method() != Method::OPTIONS)
    {
        if network.is_some() {
            let (connections, now) = (&gateway.connections, gateway.clock.now());
            let delay = connections.arrival_delay(address, &server.limits, now);
            tokio::time::sleep(delay).await;
        }
        return upgrade::respond(request, address, router, (permit, network));
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = match *request.method() {
        Method::OPTIONS => cors::preflight(),
        Method::GET if request.uri().path() == "/openapi.json" => schema_response(&OPENAPI),
        Method::GET if request.uri().path() == "/asyncapi.json" => schema_response(&ASYNCAPI),
        _ => serve::respond(request, address, &router, &permit.account, rate).await,
    };
    cors::add_headers(&mut response, origin);
    if is_chunked {
        // A proxy may have determined another length of the body. Without the close, the bytes
        // after the body could be read as the next request (request smuggling).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns an API schema. The response is the last one of its connection, because a client
/// needs each schema once, and a schema is much larger than a request for it.
fn schema_response(schema: &Bytes) -> HttpResponse {
    let mut response = json(StatusCode::OK, schema.clone());
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Acquires a permit of the client's network for a connection of a trusted proxy, which is counted
/// for the client while it serves the client. `None` for other connections.
fn network_permit(
    gateway: &Gateway,
    peer: IpAddr,
    client: IpAddr,
) -> Result<Option<NetworkPermit>, ConnectionRefused> {
    let server = &gateway.settings().server;
    if !server.is_trusted_proxy(peer) {
        return Ok(None);
    }
    gateway.connections.acquire_network(client, &server.limits).map(Some).inspect_err(|why| {
        metrics::record_rejected();
        refusal_line!(INFO, Some(client), why = why.text().trim_end(), "connection refused");
    })
}
