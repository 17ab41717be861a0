//! The section of the token API.

use super::fields::fields;
use crate::messages::schema::markdown::link;
use crate::messages::token_api::{ROUTES, RequiredToken, Route};

pub(super) fn section() -> String {
    let mut out = String::from(INTRODUCTION);
    for route in &ROUTES {
        let Route { path, methods, message, summary, token, schemas, .. } = route;
        let token = match token {
            RequiredToken::None => {
                "not needed, because the body has the credentials. A refresh token is not accepted"
            }
            RequiredToken::Access => "the access token, as `Authorization: Bearer …`",
            RequiredToken::Refresh => {
                "the refresh token, in the header `token`, else as `Authorization: Bearer …`, else \
                 as `token` in the body. A password is not accepted"
            }
        };
        let (request, response) = schemas();
        out.push_str(&format!(
            "\n### {methods} {path}\n\n{summary} Handled like the message {}, whose description \
             and access apply. **Token**: {token}.\n",
            link(message)
        ));
        out.push_str(&fields("Body of the request", request.as_value(), "required"));
        out.push_str(&fields("Body of the response", response.as_value(), "always"));
    }
    out
}

const INTRODUCTION: &str = "\
## Token API

REST routes of the TraderEvolution BO API, for clients that support only bearer tokens. Requests
need no SOURCE_REF. A success has HTTP status 200. An error has the status of its code and the body
`{\"errorCode\": \"…\", \"message\": \"…\"}`: CODE and TEXT of the NACK that the corresponding
message would get, but always INCORRECT_CREDENTIALS in place of UNKNOWN_ACCOUNT. INVALID_MESSAGE can
also have the status 405 (method), 408 (slow body), 413 (too large body) or 415 (Content-Type).
TOO_MANY_REQUESTS has the time to wait in seconds in the header Retry-After. One response differs:
the 429 of a connection that sends too many requests has a MSG_NACK with RETRY_AFTER_MS as its body,
and no Retry-After. [REST](../../src/docs/rest.md) explains requests by examples.
";
