//! Handling of REST requests: each becomes a message, and the reply becomes a response.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use parking_lot::Mutex;
use protocol::{Nack, NackCode};

use super::body::BodyLimits;
use super::refusal::{RequestError, error_response};
use super::request::RestRequest;
use super::{subscriptions, token_api};
use crate::gateway::Account;
use crate::messages::{ClientInfo, Handler, IssuedTokens, Route, table};
use crate::net::http::{HttpResponse, http_status, json};
use crate::net::rate_limit::{RateDecision, RequestRate};
use crate::router::{Reply, Router, TokenCache};
use crate::subscriptions::DataSource;

/// Responds to one request. `account` is that of the connection.
pub async fn respond(
    request: Request<Incoming>,
    address: IpAddr,
    router: &Router,
    account: &Arc<Account>,
    rate: &Mutex<RequestRate>,
) -> HttpResponse {
    let now = router.gateway().clock.now();
    let client = ClientInfo::rest(address, now);
    let decision = rate.lock().count(now);
    if let RateDecision::Refuse(wait) | RateDecision::Flood(wait) = decision {
        let nack = Nack::too_many("too many requests on this connection", wait);
        return error_response(RequestError(StatusCode::TOO_MANY_REQUESTS, nack), None);
    }
    if let Some(found) = token_api::find_route(request.uri().path(), request.method()) {
        return match found {
            Ok(route) => serve_token_api(request, route, client, router, account).await,
            Err(allowed) => method_not_allowed(&allowed, token_api::error_response),
        };
    }
    let Some(route) = RestTarget::from_path(request.uri().path()) else {
        let text = "no such route; use /<message-type> or /<data-source> in lower case, with - \
                    instead of _";
        let nack = Nack::new(NackCode::UnknownMessageType, text);
        return error_response(RequestError(StatusCode::NOT_FOUND, nack), None);
    };
    let (method, allowed) = (request.method().clone(), route.methods());
    if !allowed.split(", ").any(|it| it == method.as_str()) {
        return method_not_allowed(allowed, |refused| error_response(refused, None));
    }
    let (head, body) = request.into_parts();
    let json_depth = router.gateway().settings().server.limits.json_depth;
    let mut limits = BodyLimits::new(&head.headers, &client, router, account);
    let body = match limits.read(&head.headers, body).await {
        Ok(body) => body,
        Err(refused) => return error_response(refused, None),
    };
    let rest_request = match RestRequest::parse(&head, &body, json_depth) {
        Ok(rest_request) => rest_request,
        Err(nack) => return error_response(RequestError::bad_request(nack), None),
    };
    let source_ref = rest_request.source_ref().map(str::to_owned);
    match serve_target(route, &method, rest_request, client, router).await {
        Ok(reply) => reply_response(reply, limits, router),
        Err(nack) => error_response(RequestError::bad_request(nack), source_ref.as_deref()),
    }
}

/// Handles a request as a message. `Err` if the request cannot be converted into a message.
async fn serve_target(
    target: RestTarget,
    method: &Method,
    request: RestRequest,
    client: ClientInfo,
    router: &Router,
) -> Result<Reply, Nack> {
    match target {
        RestTarget::Message(handler) => {
            Ok(router.handle(client, TokenCache::default(), request.into_request(handler)?).await)
        }
        RestTarget::Rows(source) => {
            subscriptions::respond(method, &source, request, client, router).await
        }
    }
}

/// Responds to a request of the token API.
async fn serve_token_api(
    request: Request<Incoming>,
    route: &'static Route,
    client: ClientInfo,
    router: &Router,
    account: &Arc<Account>,
) -> HttpResponse {
    let query = request.uri().query().unwrap_or_default();
    if let Err(nack) = protocol::rest_paths::check_query(query) {
        return token_api::error_response(RequestError::bad_request(nack));
    }
    let (head, body) = request.into_parts();
    let mut limits = BodyLimits::new(&head.headers, &client, router, account);
    match limits.read(&head.headers, body).await {
        Ok(body) => token_api::respond(route, &head.headers, &body, client, router).await,
        Err(refused) => token_api::error_response(refused),
    }
}

fn method_not_allowed(
    allowed: &str,
    refusal: impl FnOnce(RequestError) -> HttpResponse,
) -> HttpResponse {
    let nack = Nack::new(NackCode::InvalidMessage, format!("this route supports only {allowed}"));
    let mut response = refusal(RequestError(StatusCode::METHOD_NOT_ALLOWED, nack));
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// The message or data source that a path addresses.
enum RestTarget {
    /// A message.
    Message(&'static Handler),
    /// The rows of the data source with this name.
    Rows(String),
}

impl RestTarget {
    fn from_path(path: &str) -> Option<Self> {
        let name = protocol::rest_paths::message_type(path)?;
        let handler = table::find(&name).map(Self::Message);
        handler.or_else(|| DataSource::from_name(&name).map(|_| Self::Rows(name)))
    }

    /// Returns the supported methods, for the header Allow.
    fn methods(&self) -> &'static str {
        match self {
            Self::Message(handler) if handler.read => "GET, POST, OPTIONS",
            Self::Message(_) => "POST, OPTIONS",
            Self::Rows(_) => "GET, POST, PUT, DELETE, OPTIONS",
        }
    }
}

/// Returns the response to a message. Its status is 200 even for a NACK, unless
/// `server.strict_http_status` is set.
fn reply_response(reply: Reply, limits: BodyLimits, router: &Router) -> HttpResponse {
    let strict = router.gateway().settings().server.strict_http_status;
    let status = match reply.refused {
        Some(nack) if strict => http_status(nack.code()),
        _ => StatusCode::OK,
    };
    let mut response = json(status, limits.response(reply.frame));
    if let Some(tokens) = reply.login {
        add_token_headers(response.headers_mut(), &tokens);
    }
    response
}

/// Adds headers with the tokens and the SESSION_ID of a login.
fn add_token_headers(headers: &mut HeaderMap, tokens: &IssuedTokens) {
    let fields = [
        ("session_auth_token", tokens.session_auth_token.expose()),
        ("refresh_auth_token", tokens.refresh_auth_token.expose()),
        ("session_id", &tokens.session_id),
    ];
    for (name, value) in fields {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
