//! The routes of S1 over HTTP: no SOURCE_REF, always real statuses, refusals as `{errorCode,
//! message}`.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use protocol::{Envelope, Nack, NackCode};
use serde_json::Value;

use super::refusal::RequestError;
use super::request::bearer;
use crate::messages::{ClientInfo, Route};
use crate::net::http::HttpResponse;
use crate::router::Router;
/// The route of a request; the methods that the path knows instead.
pub(super) fn find(path: &str, method: &Method) -> Option<Result<&'static Route, String>> {
    let mut known = Vec::new();
    for route in Route::by_path(path) {
        if route.methods.split(", ").any(|it| it == method.as_str()) {
            return Some(Ok(route));
        }
        known.push(route.methods);
    }
    (!known.is_empty()).then(|| Err(format!("{}, OPTIONS", known.join(", "))))
}

/// Answers a request whose body was read.
pub(super) async fn respond(
    route: &'static Route,
    headers: &HeaderMap,
    body: &[u8],
    mut client: ClientInfo,
    router: &Router,
) -> HttpResponse {
    let frame = match request_frame(route, headers, body, router) {
        Ok(frame) => frame,
        Err(nack) => return error_response(RequestError::bad_request(nack)),
    };
    client.token_api = true;
    let reply = crate::net::rest::exchange::serve(router, client, frame).await;
    let ack: Value = serde_json::from_str(&reply.frame).unwrap_or_default();
    match reply.refused {
        None => crate::net::http::json(StatusCode::OK, (route.response)(&ack).to_string()),
        Some(code) => {
            let text = |field: &str| ack[field].as_str().unwrap_or_default();
            let body = Route::error_body(text("CODE"), text("TEXT"));
            let mut response =
                crate::net::http::json(crate::net::http::http_status(code), body.to_string());
            let wait = ack["ERROR"][0]["DETAILS"]["RETRY_AFTER_MS"].as_u64();
            if let Some(wait) = wait {
                let secs = HeaderValue::from(wait.div_ceil(1_000));
                response.headers_mut().insert(header::RETRY_AFTER, secs);
            }
            response
        }
    }
}

/// What never became a message, in S1's words.
pub(super) fn error_response(RequestError(status, nack): RequestError) -> HttpResponse {
    let text = nack.errors.first().map_or("", |fault| &fault.text);
    crate::net::http::json(status, Route::error_body(nack.code().code(), text).to_string())
}

fn request_frame(
    route: &Route,
    headers: &HeaderMap,
    body: &[u8],
    router: &Router,
) -> Result<String, Nack> {
    let wrong = |text| Nack::new(NackCode::InvalidMessage, text);
    let body = std::str::from_utf8(body).map_err(|_| wrong("the body is not UTF-8"))?;
    let body = if body.trim().is_empty() { "{}" } else { body };
    // For its checks alone: depth, duplicate keys, an object at the root.
    let depth = router.gateway().settings().server.limits.json_depth;
    Envelope::decode(body, depth).map_err(|malformed| malformed.nack())?;
    let token = headers.get("token").map(|value| value.to_str().map(str::to_owned));
    let token = token.transpose().map_err(|_| wrong("the header token is not plain text"))?;
    let envelope = route.envelope(body, token, bearer(headers)?)?;
    Ok(protocol::envelope::encode(route.message, None, &envelope))
}
