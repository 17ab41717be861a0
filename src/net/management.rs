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
use tokio::sync::{Semaphore, watch};

use super::http::{
    HEADER_BYTES_MAX, HEADER_TIMEOUT, HttpResponse, admission, method_not_allowed, text_response,
    with_nosniff,
};
use crate::gateway::Gateway;
use crate::messages::table;
use crate::platform::metrics;

/// Maximum number of requests that are served at the same time; further connections are closed.
const REQUESTS_AT_ONCE_MAX: usize = 16;
/// Pause after a connection that could not be accepted or served.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// With a larger clock skew the gateway is not ready: tokens would expire at wrong times.
const SKEW_MAX_MS: u64 = 2_000;

/// Serves requests until `stop` is true.
pub async fn run(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    metrics: PrometheusHandle,
    mut stop: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (Ok((stream, peer)), Ok(permit)) = (accepted, permits.clone().try_acquire_owned())
        else {
            // No file descriptor is free, or too many requests are served: the pause prevents a
            // busy loop.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (gateway, metrics) = (gateway.clone(), metrics.clone());
        tokio::spawn(async move {
            let serve = service_fn(|request| {
                let admitted =
                    admission::check_management(&request, peer.ip(), &gateway.settings().server);
                let response = match admitted {
                    Ok(()) => respond(&request, &gateway, &metrics),
                    Err(refused) => *refused,
                };
                async move { Ok::<_, Infallible>(with_nosniff(response)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(HEADER_BYTES_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), serve);
            // A client that disconnects early is not an error.
            let _ = connection.await;
            drop(permit);
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
