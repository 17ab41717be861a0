//! Errors of the client side.

use std::path::PathBuf;

use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem;
use tokio_tungstenite::tungstenite;

/// Why a gateway was not reached, or did not answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "named by the text")]
pub enum ClientError {
    #[error(
        "{0:?} is not an address like ws://127.0.0.1:9064 or wss://gateway.example:9064 \
         (http:// and https:// where REST is spoken)"
    )]
    Address(String),
    #[error("{0:?} is in clear and off loopback, where a password would travel; wss:// hides it")]
    InClear(String),
    #[error("cannot reach {at}: {source}")]
    Connect { at: String, source: std::io::Error },
    #[error("{path} holds no certificate that can be read: {source}")]
    Authority { path: PathBuf, source: pem::Error },
    #[error("the authority cannot be used: {0}")]
    Trust(#[from] rustls::Error),
    #[error("the gateway did not speak WebSocket: {0}")]
    WebSocket(#[from] tungstenite::Error),
    #[error("the gateway did not speak HTTP: {0}")]
    Request(#[from] hyper::Error),
    #[error("this makes no HTTP request: {0}")]
    Head(#[from] hyper::http::Error),
    #[error("the gateway gave no answer in time")]
    Timeout,
    #[error("the gateway closed the connection")]
    Closed,
    #[error("the gateway sent no JSON")]
    InvalidJson,
}
