//! The token API over HTTP: logins, token refreshes, one-time tokens, lifetimes of tokens.
//!
//! Requests of the token API have no SOURCE_REF. An error is an HTTP status with the body
//! `{errorCode, message}`.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use protocol::{Envelope, Nack, OwnedEnvelope};

use super::refusal::RequestError;
use super::request::{bearer, body_text, single_header};
use crate::messages::{ClientInfo, Route, find, internal_error};
use crate::net::http::{HttpResponse, http_status, json};
use crate::router::{Reply, Request, Router, TokenCache};

/// Finds the route of a request; `None` if the path is unknown. If the path does not support the
/// method, `Err` contains the methods that it supports, for the header Allow.
pub(super) fn find_route(path: &str, method: &Method) -> Option<Result<&'static Route, String>> {
    let mut methods = Vec::new();
    for route in Route::by_path(path) {
        if route.methods.split(", ").any(|it| it == method.as_str()) {
            return Some(Ok(route));
        }
        methods.push(route.methods);
    }
    (!methods.is_empty()).then(|| Err(format!("{}, OPTIONS", methods.join(", "))))
}

/// Responds to a request whose body was read.
pub(super) async fn respond(
    route: &'static Route,
    headers: &HeaderMap,
    body: &[u8],
    client: ClientInfo,
    router: &Router,
) -> HttpResponse {
    let request = match request(route, headers, body, router) {
        Ok(request) => request,
        Err(nack) => return error_response(RequestError::bad_request(nack)),
    };
    let client = ClientInfo { token_api: true, ..client };
    match router.handle(client, TokenCache::default(), request).await {
        Reply { refused: Some(nack), .. } => nack_response(&nack),
        Reply { ack, .. } => match ack.and_then(|ack| (route.response)(&ack)) {
            Some(body) => json(StatusCode::OK, body.to_string().into_bytes()),
            None => nack_response(&internal_error(route.message)),
        },
    }
}

/// Returns the response for a NACK, with the HTTP status of its code. Sets Retry-After if the NACK
/// has RETRY_AFTER_MS.
fn nack_response(nack: &Nack) -> HttpResponse {
    let mut response = refusal(http_status(nack.code()), nack);
    let details = nack.errors.first().and_then(|error| error.details.as_ref());
    let wait_ms = details.and_then(|details| details["RETRY_AFTER_MS"].as_u64());
    if let Some(wait_ms) = wait_ms {
        let secs = HeaderValue::from(wait_ms.div_ceil(1_000));
        response.headers_mut().insert(header::RETRY_AFTER, secs);
    }
    response
}

/// Returns the response to a request that could not be converted into a message.
pub(super) fn error_response(RequestError(status, nack): RequestError) -> HttpResponse {
    refusal(status, &nack)
}

fn refusal(status: StatusCode, nack: &Nack) -> HttpResponse {
    let text = nack.errors.first().map_or("", |error| &error.text);
    json(status, Route::error_body(nack.code().code(), text).to_string().into_bytes())
}

fn request(
    route: &Route,
    headers: &HeaderMap,
    body: &[u8],
    router: &Router,
) -> Result<Request, Nack> {
    let text = body_text(body)?;
    // This decoding only checks the depth, duplicate keys, and that the root is an object.
    let depth = router.gateway().settings().server.limits.json_depth;
    Envelope::decode(text, depth).map_err(|malformed| malformed.nack())?;
    let token = single_header(headers, "token")?.map(String::from);
    let envelope: OwnedEnvelope = route.envelope(text, token, bearer(headers)?)?;
    let handler = find(route.message).ok_or_else(|| internal_error(route.message))?;
    Ok(Request { handler, envelope, size: body.len() })
}
