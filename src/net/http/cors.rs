//! CORS: allowed origins, preflight responses, and the headers that scripts may read.
//!
//! The crate tower-http does not fit: it implements CORS as a tower layer, and this server does not
//! use tower.

use std::sync::LazyLock;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use protocol::rest_paths;

use super::response::{HttpResponse, text_response};
use crate::settings::ServerSettings;

/// Response headers that scripts may read.
const EXPOSED_HEADERS: &str = "SESSION_AUTH_TOKEN, REFRESH_AUTH_TOKEN, SESSION_ID, Retry-After";
/// Request headers that scripts may send: common headers, and the headers for fields of a message,
/// spelled with `_` and with `-`.
#[expect(clippy::expect_used, reason = "constants of letters, `_` and `-`")]
static ALLOWED_HEADERS: LazyLock<HeaderValue> = LazyLock::new(|| {
    let fields = rest_paths::HEADERS.map(str::to_owned);
    let with_hyphens = rest_paths::HEADERS.map(|field| field.replace('_', "-"));
    let usual = ["Content-Type", "Authorization", "token"].map(str::to_owned);
    let all = [&usual[..], &fields, &with_hyphens].concat().join(", ");
    HeaderValue::try_from(all).expect("header names are a valid header value")
});

/// Whether the origin of a request is allowed: the gateway's own origin, or a configured origin.
/// `host` is the header Host. Programs other than browsers send no Origin and are allowed. A
/// gateway with TLS has no `http` origin; without TLS, a proxy may add it.
pub fn is_allowed(headers: &HeaderMap, host: Option<&str>, server: &ServerSettings) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    let is_own = match origin.split_once("://") {
        Some(("https", own)) => host == Some(own),
        Some(("http", own)) => host == Some(own) && !server.tls.is_on(),
        _ => false,
    };
    is_own || server.allows_origin(origin)
}

/// Returns the response to a preflight request.
pub fn preflight() -> HttpResponse {
    let mut response = text_response(StatusCode::NO_CONTENT, "");
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS.clone());
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Adds the headers that let scripts of `origin` read the response. The caller has checked that
/// this origin is allowed.
pub fn add_headers<B>(response: &mut Response<B>, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
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
        let allowed_origins = vec!["https://desk.example".to_owned()];
        let server = ServerSettings { allowed_origins, ..ServerSettings::default() };
        is_allowed(&headers, Some(host), &server)
    }

    #[test]
    fn scripts_may_send_every_field_in_both_spellings() {
        let expected = "Content-Type, Authorization, token, SOURCE_REF, SESSION_AUTH_TOKEN, \
                        USER_NAME, SESSION_ID, REFRESH_AUTH_TOKEN, SUBSCRIPTION_REF, SOURCE-REF, \
                        SESSION-AUTH-TOKEN, USER-NAME, SESSION-ID, REFRESH-AUTH-TOKEN, \
                        SUBSCRIPTION-REF";
        assert_eq!(preflight().headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], expected);
    }

    #[test]
    fn only_same_and_configured_origins_are_allowed() {
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
            assert!(!allowed(&[hostile], "127.0.0.1:9064"), "{hostile:?} is allowed");
        }
        assert!(!allowed(&["https://desk.example", "https://evil.example"], "gate"));
    }
}
