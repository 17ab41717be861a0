//! TLS on the gateway's port: certificate and key, reloaded when their files change.
//!
//! Open connections keep their TLS session; new connections use the current certificate.

use std::fs::Metadata;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use super::stream::{CountedStream, Stream};
use crate::platform::refusal_line;

/// Time limit for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of bytes that a client may send in a TLS handshake.
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;
/// Maximum number of encrypted bytes that wait for the socket.
const WRITE_BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Interval at which the files are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Why the certificate and key files cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts describe the variants")]
pub enum TlsError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} can be read by others (mode {mode:03o}); chmod 600 it")]
    Open { path: PathBuf, mode: u32 },
    #[error("{path} contains no readable {what}: {source}")]
    Pem { path: PathBuf, what: &'static str, source: pem::Error },
    #[error("the certificate in {certificate} and the key in {key} cannot be used: {source}")]
    Unfit { certificate: String, key: String, source: rustls::Error },
}

/// The certificate and key for new connections.
pub struct Identity {
    current: ArcSwap<ServerConfig>,
    files: Mutex<Files>,
}

/// The paths of the files, and the [`Stamp`] of each file when it was last read.
struct Files {
    settings: crate::settings::TlsSettings,
    stamp: [Option<Stamp>; 2],
}

/// A version of a file, identified by device, inode, length and modification time (s, ns).
type Stamp = (u64, u64, u64, i64, i64);

/// A certificate and key that were loaded and match.
pub struct LoadedIdentity {
    config: ServerConfig,
    expires_at_secs: Option<i64>,
    files: Files,
}

impl Identity {
    /// Loads certificate and key. Blocking.
    pub fn open(settings: &crate::settings::TlsSettings) -> Result<Self, TlsError> {
        let LoadedIdentity { config, files, .. } = load(settings)?;
        Ok(Self { current: ArcSwap::from_pointee(config), files: Mutex::new(files) })
    }

    /// Uses this certificate and key for new connections.
    pub fn replace(&self, checked: LoadedIdentity) {
        self.current.store(Arc::new(checked.config));
        *self.files.lock() = checked.files;
    }

    /// Performs the TLS handshake; `None` if it fails or times out. `address` is for the log.
    pub async fn handshake(&self, mut stream: CountedStream, address: IpAddr) -> Option<Stream> {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        stream.set_left(HANDSHAKE_BYTES_MAX);
        let accept = acceptor.accept_with(stream, |connection| {
            connection.set_buffer_limit(Some(WRITE_BUFFER_BYTES_MAX));
        });
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, accept).await {
            Ok(Ok(mut stream)) => {
                stream.get_mut().0.set_left(usize::MAX);
                Some(Stream::Tls(Box::new(stream.into())))
            }
            Ok(Err(error)) => {
                refusal_line!(DEBUG, Some(address), %error, "TLS handshake failed");
                None
            }
            Err(_) => {
                refusal_line!(DEBUG, Some(address), "TLS handshake timed out");
                None
            }
        }
    }

    /// Reloads the files whenever they change. If the new files do not match, for example because
    /// the key is not written yet, the previous certificate stays in use.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let identity = self.clone();
            // A slow disk must not block connections.
            if tokio::task::spawn_blocking(move || identity.reload_if_changed()).await.is_err() {
                return;
            }
        }
    }

    fn reload_if_changed(&self) {
        let settings = {
            let mut files = self.files.lock();
            let stamp = stamp(&files.settings);
            if stamp == files.stamp {
                return;
            }
            files.stamp = stamp;
            files.settings.clone()
        };
        match load(&settings) {
            Ok(checked) => {
                self.replace(checked);
                tracing::info!(certificate = settings.certificate, "certificate reloaded");
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    "certificate reload failed; the previous certificate stays in use"
                );
            }
        }
    }
}

impl LoadedIdentity {
    /// Returns the earliest expiry in the certificate chain, in seconds since 1970; `None` if no
    /// certificate can be parsed.
    pub fn expires_at_secs(&self) -> Option<i64> {
        self.expires_at_secs
    }
}

/// Returns the expiry of a certificate, in seconds since 1970; `None` if it cannot be parsed.
fn expiry_secs(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(read.validity().not_after.timestamp())
}

/// Loads certificate and key and checks that they match. Blocking.
pub fn load(settings: &crate::settings::TlsSettings) -> Result<LoadedIdentity, TlsError> {
    let stamp = stamp(settings);
    let (certificate, key) = (Path::new(&settings.certificate), Path::new(&settings.key));
    let metadata = std::fs::metadata(key).map_err(|source| unreadable(key, source))?;
    if is_readable_by_others(&metadata) {
        return Err(TlsError::Open { path: key.to_owned(), mode: metadata.mode() & 0o777 });
    }
    let text = std::fs::read(certificate).map_err(|source| unreadable(certificate, source))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    let pem = |path: &Path, what, source| TlsError::Pem { path: path.to_owned(), what, source };
    let chain = chain.map_err(|source| pem(certificate, "certificate", source))?;
    let expires_at_secs = chain.iter().filter_map(expiry_secs).min();
    let text = std::fs::read(key).map_err(|source| unreadable(key, source))?;
    let text = zeroize::Zeroizing::new(text);
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|it| pem(key, "private key", it))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    let mut config = config.map_err(|source| TlsError::Unfit {
        certificate: settings.certificate.clone(),
        key: settings.key.clone(),
        source,
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(LoadedIdentity {
        config,
        expires_at_secs,
        files: Files { settings: settings.clone(), stamp },
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> TlsError {
    TlsError::Read { path: path.to_owned(), source }
}

/// Whether users other than the owner can access a key file. The group may read a key that root
/// owns, because some distributions install keys that way.
fn is_readable_by_others(key: &Metadata) -> bool {
    let forbidden = if key.uid() == 0 { 0o037 } else { 0o077 };
    key.mode() & forbidden != 0
}

fn stamp(settings: &crate::settings::TlsSettings) -> [Option<Stamp>; 2] {
    [&settings.certificate, &settings.key].map(|path| {
        let it = std::fs::metadata(path).ok()?;
        Some((it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec()))
    })
}
