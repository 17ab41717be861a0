//! Endpoint of a gateway: its address and TLS configuration, parsed once for all connections.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::error::ClientError;
use crate::net::stream::{CountedStream, Stream};

/// The certificates that a client trusts.
#[derive(Debug, Clone, Default)]
pub struct TlsTrust {
    /// PEM file of certificates to trust instead of the system's certificates.
    pub authority: Option<PathBuf>,
    /// Whether to skip certificate verification and to allow plaintext to remote hosts.
    pub insecure: bool,
}

/// Address and TLS configuration of one gateway.
#[derive(Clone)]
pub struct Endpoint {
    target: Target,
    connector: Option<TlsConnector>,
    insecure: bool,
}

impl Endpoint {
    /// Parses an address; for TLS, loads the trusted certificates.
    pub fn parse(to: &str, trust: &TlsTrust) -> Result<Self, ClientError> {
        let target = Target::parse(to).ok_or_else(|| ClientError::Address(to.to_owned()))?;
        let connector =
            if target.tls { Some(TlsConnector::from(Arc::new(config(trust)?))) } else { None };
        Ok(Self { target, connector, insecure: trust.insecure })
    }

    /// Whether the address is for REST (http or https).
    pub fn is_rest(&self) -> bool {
        self.target.rest
    }

    /// Returns `host:port`.
    pub fn host_port(&self) -> &str {
        &self.target.host_port
    }

    /// Returns the path, at least `/`.
    pub fn path(&self) -> &str {
        &self.target.path
    }

    /// Returns the URL of the WebSocket handshake. Its scheme is `ws` even over a TLS stream.
    pub(super) fn url(&self) -> String {
        format!("ws://{}{}", self.target.host_port, self.target.path)
    }

    /// Opens a connection, from the local address `from` if it is given.
    pub(in crate::net) async fn connect(
        &self,
        from: Option<IpAddr>,
    ) -> Result<Stream, ClientError> {
        let Target { host_port: at, host, .. } = &self.target;
        let unreachable = |source| ClientError::Connect { at: at.clone(), source };
        let stream = match from {
            None => TcpStream::connect(at).await,
            Some(from) => connect_from(from, at).await,
        };
        let stream = stream.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        if let Some(connector) = &self.connector {
            let name = ServerName::try_from(host.clone())
                .map_err(|_| ClientError::Address(host.clone()))?;
            let stream = connector.connect(name, CountedStream::from(stream)).await;
            let stream =
                stream.map_err(|source| ClientError::TlsHandshake { at: at.clone(), source })?;
            return Ok(Stream::Tls(Box::new(stream.into())));
        }
        let is_loopback =
            stream.peer_addr().map_err(unreachable)?.ip().to_canonical().is_loopback();
        if is_loopback || self.insecure {
            Ok(Stream::Plain(stream.into()))
        } else {
            Err(ClientError::InClear(at.clone()))
        }
    }
}

async fn connect_from(from: IpAddr, at: &str) -> std::io::Result<TcpStream> {
    let same_family = |to: &SocketAddr| to.is_ipv4() == from.is_ipv4();
    let to =
        lookup_host(at).await?.find(same_family).ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let socket = match from {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// The parts of an address such as `ws://host:port/path`.
#[derive(Debug, Clone)]
struct Target {
    tls: bool,
    rest: bool,
    host_port: String,
    host: String,
    path: String,
}

impl Target {
    fn parse(to: &str) -> Option<Self> {
        let (scheme, address) = to.split_once("://").unwrap_or(("ws", to));
        let (tls, is_rest) = match scheme {
            "ws" => (false, false),
            "wss" => (true, false),
            "http" => (false, true),
            "https" => (true, true),
            _ => return None,
        };
        let (at, path) = address.split_once('/').unwrap_or((address, ""));
        let (host, port) = at.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (at, path) = (at.to_owned(), format!("/{path}"));
        (!host.is_empty()).then(|| Self {
            tls,
            rest: is_rest,
            host_port: at,
            host: host.to_owned(),
            path,
        })
    }
}

fn config(trust: &TlsTrust) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    if trust.insecure {
        let verifier = Arc::new(AcceptAnyCertificate(provider));
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        return Ok(builder.with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match &trust.authority {
        Some(path) => {
            let unread = |source| ClientError::Authority { path: path.clone(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
                roots.add(certificate.map_err(unread)?)?;
            }
            if roots.is_empty() {
                return Err(unread(pem::Error::NoItemsFound));
            }
        }
        // System certificates that cannot be loaded or parsed are skipped.
        None => {
            let system = rustls_native_certs::load_native_certs().certs;
            let _ = roots.add_parsable_certificates(system);
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A verifier that accepts any certificate, for load tests of gateways with self-signed
/// certificates.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
        let parse =
            |to| Target::parse(to).map(|it| (it.tls, it.rest, it.host_port, it.host, it.path));
        let target = |tls, rest, at: &str, host: &str, path: &str| {
            Some((tls, rest, at.to_owned(), host.to_owned(), path.to_owned()))
        };
        assert_eq!(parse("127.0.0.1:1"), target(false, false, "127.0.0.1:1", "127.0.0.1", "/"));
        assert_eq!(parse("ws://a:1/b/c"), target(false, false, "a:1", "a", "/b/c"));
        assert_eq!(parse("wss://[::1]:1/"), target(true, false, "[::1]:1", "::1", "/"));
        assert_eq!(parse("https://a:1"), target(true, true, "a:1", "a", "/"));
        for wrong in ["ftp://a:1", "a", "wss://a", "ws://:1", "a:99999"] {
            assert_eq!(parse(wrong), None, "{wrong} is accepted");
        }
    }
}
