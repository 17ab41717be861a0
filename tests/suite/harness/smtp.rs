//! Mail servers that store received mails, and functions that read them.
#![expect(clippy::disallowed_methods, reason = "the tests wait for real servers")]

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::gateway::free_port;

/// A mail server that writes received mails to a file. It is killed on drop.
pub struct Sink {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Sink {
    pub fn start(words: &[&str]) -> Self {
        Self::start_at(free_port(), words)
    }

    pub fn start_at(port: u16, words: &[&str]) -> Self {
        let mut command = Command::new(tools().join("aiosmtpd"));
        command.args(["-n", "-l", &format!("127.0.0.1:{port}")]).args(words);
        Self::spawn(port, command.env("PYTHONUNBUFFERED", "1"))
    }

    fn spawn(port: u16, command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = std::fs::File::create(folder.path().join("mails")).unwrap();
        let child = command.stdout(out).stderr(Stdio::null()).spawn();
        let child = child.expect("the mail server cannot be run: tests/run installs it");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the mail server did not start within 20 s"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, folder }
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("mails")).unwrap()
    }

    pub fn mails(&self) -> String {
        plain(&self.written())
    }

    /// Waits until at least `count` mails were received, and returns all.
    pub async fn wait_for(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let all = self.mails();
            let mails = all.split("---------- MESSAGE FOLLOWS ----------").skip(1);
            let whole = mails.filter(|mail| mail.contains("END MESSAGE")).map(str::to_owned);
            let whole: Vec<_> = whole.collect();
            if whole.len() >= count {
                return whole;
            }
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "only {} of {count} mails were received",
                whole.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits 500 ms, and checks that exactly `count` mails were received by then.
    pub async fn stays_at(&self, count: usize) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(self.wait_for(count).await.len(), count);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mail server that requires STARTTLS and a login. It stores each mail as a line of JSON.
pub struct LoginSink(Sink);

impl LoginSink {
    pub fn start(certificate: &Path, key: &Path, user: &str, password: &str) -> Self {
        let port = free_port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail/server.py");
        let mut command = Command::new(tools().join("python"));
        command.arg(script).arg(port.to_string()).args([certificate, key]).args([user, password]);
        Self(Sink::spawn(port, &mut command))
    }

    pub fn port(&self) -> u16 {
        self.0.port
    }

    pub fn mails(&self) -> Vec<Value> {
        self.0.written().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The folder of the Python programs that tests/run installs.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators/bin")
}

/// Decodes the quoted-printable line breaks and equals signs of a mail.
pub fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// The value of a query parameter of the link in a mail.
pub fn parameter(mail: &str, name: &str) -> String {
    let found = mail.split(['?', '&']).find_map(|it| it.strip_prefix(&format!("{name}=")));
    let value = found.unwrap_or_else(|| panic!("no {name} in {mail}"));
    value.chars().take_while(|c| c.is_ascii_alphanumeric() || "._@-".contains(*c)).collect()
}
