//! Reading of request bodies within their limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use protocol::{Nack, NackCode};

use super::refusal::RequestError;
use super::request::header_token;
use crate::gateway::{Account, Charge};
use crate::messages::ClientInfo;
use crate::router::Router;

/// Time limit for receiving a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits of the body of one request, and what is counted for it.
pub(super) struct BodyLimits {
    bytes_max: usize,
    /// Whether a valid token in a header would allow a larger body.
    is_unauthenticated: bool,
    account: Arc<Account>,
    /// The bytes of the request, or of its response, if no session pays for them.
    charge: Option<Charge>,
}

impl BodyLimits {
    /// Determines the limits from the headers. The body of a request with a valid token may be
    /// larger, and is not counted.
    pub fn new(
        headers: &HeaderMap,
        client: &ClientInfo,
        router: &Router,
        account: &Arc<Account>,
    ) -> Self {
        let settings = router.gateway().settings();
        let limits = &settings.server.limits;
        let token = header_token(headers).ok().flatten();
        let has_session =
            token.is_some_and(|it| router.session(client, &it, client.connected_at).is_ok());
        let unauthenticated_max = limits.body_bytes.min(limits.unauthenticated_message_bytes);
        Self {
            bytes_max: if has_session { limits.body_bytes } else { unauthenticated_max },
            is_unauthenticated: !has_session,
            account: account.clone(),
            charge: (!has_session).then(|| account.charge()),
        }
    }

    /// Reads and checks a body.
    pub async fn read(
        &mut self,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<Vec<u8>, RequestError> {
        let declared =
            headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        if declared.is_some() && headers.contains_key(header::TRANSFER_ENCODING) {
            let text = "Content-Length and Transfer-Encoding exclude each other; send only one";
            return Err(RequestError::bad_request(Nack::new(NackCode::InvalidMessage, text)));
        }
        if declared.is_some_and(|bytes: u64| bytes > self.bytes_max as u64) {
            return Err(self.too_large());
        }
        let late = |_| {
            let nack = Nack::new(NackCode::InvalidMessage, "the body was not received in time");
            RequestError(StatusCode::REQUEST_TIMEOUT, nack)
        };
        let body = tokio::time::timeout(BODY_TIMEOUT, self.collect(body)).await.map_err(late)??;
        let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_json = kind.is_none_or(|kind| {
            kind.split(|b| *b == b';')
                .next()
                .is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"application/json"))
        });
        if !body.is_empty() && !is_json {
            let nack = Nack::new(NackCode::InvalidMessage, "Content-Type must be application/json");
            return Err(RequestError(StatusCode::UNSUPPORTED_MEDIA_TYPE, nack));
        }
        Ok(body)
    }

    async fn collect(&mut self, mut body: Incoming) -> Result<Vec<u8>, RequestError> {
        let mut collected = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                let text = "the body is incomplete or its chunked encoding is invalid";
                RequestError::bad_request(Nack::new(NackCode::InvalidMessage, text))
            })?;
            self.account.parsed();
            let Ok(data) = frame.into_data() else { continue };
            if collected.len() + data.len() > self.bytes_max {
                return Err(self.too_large());
            }
            collected.extend_from_slice(&data);
            if let Some(charge) = &mut self.charge {
                charge.set(collected.capacity());
            }
        }
        Ok(collected)
    }

    /// Returns a response body. If no session pays for it, its bytes are counted until it is sent.
    pub fn response(self, body: Vec<u8>) -> Bytes {
        let Some(mut charge) = self.charge else { return body.into() };
        charge.set(body.len());
        Bytes::from_owner(CountedBody { body, _charge: charge })
    }

    fn too_large(&self) -> RequestError {
        let most = self.bytes_max;
        let text = if self.is_unauthenticated {
            format!(
                "the body is larger than {most} bytes; a larger body needs a valid token in the \
                 header SESSION_AUTH_TOKEN or Authorization"
            )
        } else {
            format!("the body is larger than {most} bytes")
        };
        RequestError(StatusCode::PAYLOAD_TOO_LARGE, Nack::new(NackCode::InvalidMessage, text))
    }
}

struct CountedBody {
    body: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for CountedBody {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
