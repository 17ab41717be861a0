//! A certificate authority for tests and its TLS certificate for localhost.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tollgate::net::Client;

use super::gateway::{Home, QUICK, run};

/// A certificate authority and its certificate for localhost, in the folder of a gateway.
pub struct Authority {
    pub home: Home,
}

impl Authority {
    /// Creates the authority, the certificate and a configuration with TLS.
    pub fn new() -> Self {
        let home = Home::new("");
        let tls = "[server.tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n";
        let configuration = QUICK.replacen("[server.limits]", &format!("{tls}[server.limits]"), 1);
        std::fs::write(home.path().join("tollgate.toml"), configuration).unwrap();
        std::fs::write(home.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1")
            .unwrap();
        let authority = Self { home };
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key \
             -out ca.pem -subj /CN=authority -days 2",
        );
        authority.issue("cert.pem", "key.pem");
        authority
    }

    pub fn openssl(&self, words: &str) {
        let mut openssl = Command::new("openssl");
        run(openssl.args(words.split_whitespace()).current_dir(self.home.path()));
    }

    /// Issues a certificate for localhost and writes it and its key to files.
    pub fn issue(&self, certificate: &str, key: &str) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out csr \
             -subj /CN=localhost"
        ));
        self.openssl(&format!(
            "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {certificate} \
             -days 2 -extfile names"
        ));
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub async fn client(&self, address: SocketAddr) -> Client {
        let url = format!("wss://localhost:{}", address.port());
        Client::connect(&url, Some(&self.file("ca.pem"))).await.expect("connecting over TLS failed")
    }

    /// The output of `openssl s_client`; `None` if the handshake failed.
    pub fn handshake(&self, address: SocketAddr, words: &[&str]) -> Option<String> {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", &address.to_string(), "-CAfile", "ca.pem"]);
        openssl.args(words).current_dir(self.home.path()).stdin(Stdio::null());
        let output = openssl.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// The certificate that the gateway presents to a new connection, as PEM.
    pub fn shown(&self, address: SocketAddr) -> String {
        let text = self.handshake(address, &[]).expect("the TLS handshake failed");
        let begin = text.find("-----BEGIN").expect("no certificate in the output of openssl");
        let end = text.find("-----END").expect("no certificate in the output of openssl");
        text[begin..end].to_owned()
    }
}
