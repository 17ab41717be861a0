//! TLS on the gateway's port: certificate and key, read again when they change. Whoever is
//! connected stays so; new connections get what is current.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use super::stream::Stream;
/// A handshake is done in this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The files are looked at, at this distance.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Why TLS cannot be spoken with these files.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "named by the text")]
pub enum TlsError {
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} can be read by others (mode {mode:03o}); chmod 600 keeps the key yours")]
    Open { path: PathBuf, mode: u32 },
    #[error("{path} holds no {what} that can be read: {source}")]
    Pem { path: PathBuf, what: &'static str, source: pem::Error },
    #[error("the certificate in {certificate} and the key in {key} cannot be used: {source}")]
    Unfit { certificate: String, key: String, source: rustls::Error },
}

/// The certificate and the key with which new connections are greeted.
pub struct Identity {
    current: ArcSwap<ServerConfig>,
    files: Mutex<Files>,
}

/// Which files, and what they looked like when they were read last.
struct Files {
    settings: crate::settings::TlsSettings,
    stamp: [Option<Stamp>; 2],
}

/// What tells one version of a file from the next: device, inode, length, time of change (ns).
type Stamp = (u64, u64, u64, i64, i64);

/// Files that were read and fit together.
pub struct LoadedIdentity {
    config: ServerConfig,
    expires_at_secs: Option<i64>,
    files: Files,
}

impl Identity {
    /// Reads the files.
    pub fn open(settings: &crate::settings::TlsSettings) -> Result<Self, TlsError> {
        let LoadedIdentity { config, files, .. } = load(settings)?;
        Ok(Self { current: ArcSwap::from_pointee(config), files: Mutex::new(files) })
    }

    /// Greets new connections with these from now on.
    pub fn replace(&self, checked: LoadedIdentity) {
        self.current.store(Arc::new(checked.config));
        *self.files.lock() = checked.files;
    }

    /// Shakes hands; none if the peer cannot or does not in time.
    pub async fn handshake(&self, stream: TcpStream) -> Option<Stream> {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream.into()))),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS with this peer");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }

    /// Reads the files again whenever they change. What does not fit, such as a new certificate
    /// whose key is still to come, is not used.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let identity = self.clone();
            // A disk that hangs holds up no socket.
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
                tracing::info!(certificate = settings.certificate, "the certificate was renewed");
            }
            Err(error) => tracing::warn!(%error, "the certificate stays the one that was read"),
        }
    }
}

impl LoadedIdentity {
    /// The first end of a certificate in the chain, in seconds of the epoch; none: it is not told.
    pub fn expires_at_secs(&self) -> Option<i64> {
        self.expires_at_secs
    }
}

/// The end of a certificate, in seconds of the epoch.
fn expiry_secs(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(read.validity().not_after.timestamp())
}

/// Reads certificate and key and checks that they can be used together. Blocking.
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

/// Nobody but the owner reads a key; a group may where the key belongs to root, as distributions
/// keep theirs.
fn is_readable_by_others(key: &Metadata) -> bool {
    let others = if key.uid() == 0 { 0o037 } else { 0o077 };
    key.mode() & others != 0
}

fn stamp(settings: &crate::settings::TlsSettings) -> [Option<Stamp>; 2] {
    [&settings.certificate, &settings.key].map(|path| {
        let it = std::fs::metadata(path).ok()?;
        Some((it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec()))
    })
}
