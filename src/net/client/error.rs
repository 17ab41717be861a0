//! Errors of connections to a gateway.

use std::path::PathBuf;

use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem;
use tokio_tungstenite::tungstenite;

/// Why a gateway could not be reached or did not answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts describe the variants")]
pub enum ClientError {
    #[error(
        "{0:?} is not a URL of the form ws://HOST:PORT or wss://HOST:PORT (http:// or https:// for \
         REST)"
    )]
    Address(String),
    #[error(
        "{0:?} is not a loopback address, and plaintext would expose passwords; use wss:// or \
         https://"
    )]
    InClear(String),
    #[error("cannot reach {at}: {source}")]
    Connect { at: String, source: std::io::Error },
    #[error(
        "the TLS handshake with {at} failed: {source}; if this machine does not trust the \
         gateway's certificate authority, name the file of the authority with --ca"
    )]
    TlsHandshake { at: String, source: std::io::Error },
    #[error("{path} contains no readable certificate: {source}")]
    Authority { path: PathBuf, source: pem::Error },
    #[error("the certificates of --ca cannot be used: {0}")]
    Trust(#[from] rustls::Error),
    #[error("the WebSocket connection failed: {0}")]
    WebSocket(#[from] tungstenite::Error),
    #[error("the HTTP connection failed: {0}")]
    Request(#[from] hyper::Error),
    #[error("the HTTP request is invalid: {0}")]
    Head(#[from] hyper::http::Error),
    #[error("a frame cannot be sent over REST: it must be a JSON object with MESSAGE_TYPE")]
    NotForRest,
    #[error("the gateway did not answer in time")]
    Timeout,
    #[error("the gateway closed the connection")]
    Closed,
    #[error("the gateway's response cannot be read: {0}")]
    Response(Box<dyn std::error::Error + Send + Sync>),
    #[error("the gateway sent a response that is not JSON")]
    InvalidJson,
}
