//! The way to a running gateway, for the command line: `ws://`, or `wss://` with a certificate that
//! is checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use protocol::Password;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::stream::Stream;

/// An answer that takes longer is not coming.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Why a gateway was not reached, or did not answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "named by the text")]
pub enum ClientError {
    #[error("{0:?} is not an address like ws://127.0.0.1:9064 or wss://gateway.example:9064")]
    Address(String),
    #[error("{0:?} is in clear and off loopback, where a password would travel; wss:// hides it")]
    InClear(String),
    #[error("cannot reach {at}: {source}")]
    Reach { at: String, source: std::io::Error },
    #[error("{path} holds no certificate that can be read: {source}")]
    Authority { path: PathBuf, source: pem::Error },
    #[error("the authority cannot be used: {0}")]
    Trust(#[from] rustls::Error),
    #[error("the gateway did not speak WebSocket: {0}")]
    Speak(#[from] tungstenite::Error),
    #[error("the gateway gave no answer in time")]
    Silence,
    #[error("the gateway closed the connection")]
    Closed,
    #[error("the gateway sent no JSON")]
    Garbled,
}

/// A connection to a gateway.
pub struct Client {
    socket: WebSocketStream<Stream>,
}

impl Client {
    /// Connects; `authority`: a file with the certificates to trust instead of the system's.
    pub async fn connect(to: &str, authority: Option<&Path>) -> Result<Self, ClientError> {
        let target = Target::parse(to).ok_or_else(|| ClientError::Address(to.to_owned()))?;
        let reach = |source| ClientError::Reach { at: target.at.clone(), source };
        let stream = TcpStream::connect(&target.at).await.map_err(reach)?;
        let stream = if target.tls {
            let name = ServerName::try_from(target.host.clone())
                .map_err(|_| ClientError::Address(to.to_owned()))?;
            let connector = TlsConnector::from(Arc::new(trust(authority)?));
            let stream = connector.connect(name, stream).await.map_err(reach)?;
            Stream::Tls(Box::new(stream.into()))
        } else if stream.peer_addr().map_err(reach)?.ip().to_canonical().is_loopback() {
            Stream::Plain(stream)
        } else {
            return Err(ClientError::InClear(to.to_owned()));
        };
        let url = format!("ws://{}/", target.at);
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
        Ok(Self { socket })
    }

    /// The message that logs in.
    pub fn login(user: &str, password: &Password) -> String {
        let details = json!({ "USER_NAME": user, "PASSWORD": password.expose() });
        let message: Value = json!({
            "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login", "DETAILS": details,
        });
        message.to_string()
    }

    /// Sends a frame.
    pub async fn send(&mut self, message: String) -> Result<(), ClientError> {
        Ok(self.socket.send(Message::text(message)).await?)
    }

    /// The next text frame.
    pub async fn receive(&mut self) -> Result<String, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_))) | None => return Err(ClientError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// The next text frame, if it comes in time.
    pub async fn answer(&mut self) -> Result<String, ClientError> {
        let answer = tokio::time::timeout(ANSWER_WAIT, self.receive()).await;
        answer.unwrap_or(Err(ClientError::Silence))
    }
}

/// `ws://host:port`, taken apart.
struct Target {
    tls: bool,
    at: String,
    host: String,
}

impl Target {
    fn parse(to: &str) -> Option<Self> {
        let (tls, rest) = match to.split_once("://") {
            Some(("ws", rest)) => (false, rest),
            Some(("wss", rest)) => (true, rest),
            None => (false, to),
            Some(_) => return None,
        };
        let at = rest.trim_end_matches('/');
        let (host, port) = at.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Self { tls, at: at.to_owned(), host: host.to_owned() })
    }
}

fn trust(authority: Option<&Path>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(path) => {
            let unread = |source| ClientError::Authority { path: path.to_owned(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
                roots.add(certificate.map_err(unread)?)?;
            }
        }
        // What cannot be read of the system's is not trusted.
        None => {
            let system = rustls_native_certs::load_native_certs().certs;
            let _ = roots.add_parsable_certificates(system);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parse = |to| Target::parse(to).map(|it| (it.tls, it.at, it.host));
        let plain = Some((false, "127.0.0.1:1".to_owned(), "127.0.0.1".to_owned()));
        assert_eq!(parse("127.0.0.1:1"), plain);
        assert_eq!(parse("ws://127.0.0.1:1/"), plain);
        let six = Some((true, "[::1]:1".to_owned(), "::1".to_owned()));
        assert_eq!(parse("wss://[::1]:1"), six);
        for wrong in ["http://a:1", "a", "wss://a", "ws://:1", "a:99999"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
