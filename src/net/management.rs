//! The HTTP server of the management address: metrics and health checks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::http::{
    HEADER_BYTES_MAX, HEADER_TIMEOUT, HttpResponse, admission, method_not_allowed, text_response,
    with_nosniff,
};
use super::management_places::{BUSY, Places};
use crate::gateway::Gateway;
use crate::messages::table;
use crate::platform::metrics;

/// Pause after a failed accept, which prevents a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time limit of one connection, which bounds how long a client that does not read holds a place.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// With a larger clock skew the gateway is not ready: tokens would expire at wrong times.
const SKEW_MAX_MS: u64 = 2_000;

/// Serves requests until `stop` is true.
pub async fn run(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    metrics: PrometheusHandle,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some((place, dropped)) = Places::take(&places) else { continue };
        let (gateway, metrics) = (gateway.clone(), metrics.clone());
        tokio::spawn(async move {
            let serve = service_fn(|request: Request<Incoming>| {
                let is_health = request.uri().path().starts_with("/health/");
                let server = &gateway.settings().server;
                let response = match admission::check_management(&request, peer.ip(), server) {
                    Err(refused) => *refused,
                    Ok(()) if place.begin(is_health) => respond(&request, &gateway, &metrics),
                    Ok(()) => text_response(StatusCode::SERVICE_UNAVAILABLE, BUSY),
                };
                async move { Ok::<_, Infallible>(with_nosniff(response)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(HEADER_BYTES_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), serve);
            tokio::select! {
                // A client that disconnects early is not an error.
                _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection) => {}
                _ = dropped => {}
            }
        });
    }
}

fn respond(
    request: &Request<Incoming>,
    gateway: &Gateway,
    recorded: &PrometheusHandle,
) -> HttpResponse {
    if request.method() != Method::GET {
        return method_not_allowed("GET", "only GET is supported\n");
    }
    match request.uri().path() {
        "/metrics" => {
            ::metrics::gauge!("tollgate_sessions").set(gateway.replica.sessions.len() as f64);
            let held = gateway.connections.unbound.total();
            ::metrics::gauge!("tollgate_unauthenticated_bytes").set(held as f64);
            let mut all = recorded.render();
            let histograms = table::HANDLERS.iter().map(|handler| (handler.name, &handler.timings));
            metrics::write_histograms(&mut all, histograms);
            text_response(StatusCode::OK, all)
        }
        "/health/live" => text_response(StatusCode::OK, "live\n"),
        "/health/ready" => match not_ready_reason(gateway) {
            None if gateway.replica.read(|realm, _| realm.has_administrator()) => {
                text_response(StatusCode::OK, "ready\n")
            }
            None => text_response(
                StatusCode::OK,
                "ready; no user who can log in holds all administration rights: see `tollgate \
                 doctor`\n",
            ),
            Some(why) => {
                text_response(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"))
            }
        },
        _ => text_response(
            StatusCode::NOT_FOUND,
            "not found; the paths are /metrics, /health/live and /health/ready\n",
        ),
    }
}

/// Returns why this gateway should get no new traffic; `None` if it is ready.
fn not_ready_reason(gateway: &Gateway) -> Option<String> {
    let skew = gateway.clock.skew_ms();
    if skew > SKEW_MAX_MS {
        return Some(format!(
            "the gateway's clock differs from the wall clock by {skew} ms; repair the host's time \
             sync, then restart the gateway"
        ));
    }
    gateway.replica.write_error()
}
