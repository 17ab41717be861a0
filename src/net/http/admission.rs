//! Admission of a request: the checks of its headers Host and Origin.

use std::net::IpAddr;

use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode, Version};

use super::cors;
use super::response::{HttpResponse, text_response};
use crate::platform::{metrics, refusal_line};
use crate::settings::ServerSettings;

/// Checks the host and the origin of a request on the gateway's port. `Err` is the response to a
/// request that must not be served. The host is checked only for browsers, which send an Origin.
pub fn check<B>(
    request: &Request<B>,
    address: IpAddr,
    server: &ServerSettings,
) -> Result<(), Box<HttpResponse>> {
    let host = host(request)?;
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    if server.checks_hosts() && !host.is_some_and(|host| server.allows_host(host)) {
        return Err(foreign_host(host.unwrap_or_default(), address));
    }
    if cors::is_allowed(request.headers(), host, server) {
        return Ok(());
    }
    let origin = protocol::printable(&String::from_utf8_lossy(origin.as_bytes()));
    metrics::record_http_refused("origin");
    refusal_line!(WARN, Some(address), origin, "origin refused");
    let text = "this origin is not allowed; add it to server.allowed_origins\n";
    Err(text_response(StatusCode::FORBIDDEN, text).into())
}

/// Checks the host of any request on the management port, which browsers need not use. On other
/// addresses than loopback, every host is good.
pub fn check_management<B>(
    request: &Request<B>,
    address: IpAddr,
    server: &ServerSettings,
) -> Result<(), Box<HttpResponse>> {
    match host(request)? {
        Some(host) if server.is_management_on_loopback() && !server.allows_host(host) => {
            Err(foreign_host(host, address))
        }
        _ => Ok(()),
    }
}

/// Returns the value of the only header Host. Only HTTP/1.0, which some health checks use, may have
/// no such header.
fn host<B>(request: &Request<B>) -> Result<Option<&str>, Box<HttpResponse>> {
    let wrong = |text| Box::new(text_response(StatusCode::BAD_REQUEST, text));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => Ok(Some(host)),
        (None, _) if request.version() == Version::HTTP_10 => Ok(None),
        (None, _) => Err(wrong("the header Host is missing\n")),
        (Some(_), Some(_)) => Err(wrong("the header Host was sent twice; send it once\n")),
        (Some(Err(_)), None) => Err(wrong("the header Host must be printable ASCII\n")),
    }
}

fn foreign_host(host: &str, address: IpAddr) -> Box<HttpResponse> {
    let host = protocol::printable(host);
    let name = host.split(':').next().unwrap_or_default().replace(['"', '\\'], "");
    metrics::record_http_refused("host");
    refusal_line!(WARN, Some(address), host, "host refused");
    let text = format!(
        "this host is not a name of the gateway; if it should be, set server.hosts = [\"{name}\"]\n"
    );
    text_response(StatusCode::MISDIRECTED_REQUEST, text).into()
}
