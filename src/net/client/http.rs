//! A REST client of a gateway, with one connection that is kept open.

use std::net::IpAddr;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::error::ClientError;

/// Longest accepted response body, in bytes.
const BODY_MAX: usize = 64 << 20;

/// A REST client of one gateway.
pub struct HttpClient {
    endpoint: Endpoint,
    from: Option<IpAddr>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl HttpClient {
    /// Creates a client that connects at its first request, from the local address `from` if it is
    /// given.
    pub fn new(endpoint: Endpoint, from: Option<IpAddr>) -> Self {
        Self { endpoint, from, sender: None }
    }

    /// Sends a request with a JSON body (empty for no body) and returns the JSON of the response.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Value, ClientError> {
        let path = format!("{}{path}", self.endpoint.path().trim_end_matches('/'));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.endpoint.host_port())
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let sender = self.sender().await?;
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => {
                self.sender = None;
                return Err(error.into());
            }
        };
        let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(ClientError::Response)?.to_bytes();
        serde_json::from_slice(&body).map_err(|_| ClientError::InvalidJson)
    }

    /// Returns the open connection; connects if none is usable.
    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, ClientError> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TokioIo::new(self.endpoint.connect(self.from).await?);
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or(ClientError::Closed)
    }
}
