//! The real binary, started on a free port with a throwaway folder, and a plain client for it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Cheap hashes, no limits by address, no management port: what most tests want.
pub const QUICK: &str = "[server]\nmanagement_listen = ''\n[server.limits]\n\
    exempt_addresses = ['127.0.0.0/8']\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";
/// The first administrator's password in tests.
pub const PASSWORD: &str = "Test-Password-7";

/// A running gateway; killed when it is dropped.
pub struct Gateway {
    /// The process.
    pub child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The rest of its log.
    pub log: std::thread::JoinHandle<Vec<String>>,
}

/// A throwaway folder with a data folder and a configuration.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("tollgate.toml"), configuration).expect("a file");
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program with this home's configuration and data folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(words).arg("--config").arg(self.folder.path().join("tollgate.toml"));
        command.arg("--data-dir").arg(self.data()).current_dir(self.folder.path());
        command.env("TOLLGATE_ADMIN_PASSWORD", PASSWORD);
        command
    }

    /// Starts the gateway and waits until it listens.
    pub fn start(&self) -> Gateway {
        self.try_start().expect("the gateway starts")
    }

    /// Starts the gateway; none if it ends before it listens.
    pub fn try_start(&self) -> Option<Gateway> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Gateway::spawn(&mut command)
    }
}

impl Gateway {
    /// Starts a command and waits for its line with `listening`.
    pub fn spawn(command: &mut Command) -> Option<Gateway> {
        Self::spawn_to(command, Stdio::null())
    }

    /// The same; what it prints goes to `stdout`.
    pub fn spawn_to(command: &mut Command, stdout: Stdio) -> Option<Gateway> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut seen = Vec::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                let _ = child.wait();
                eprintln!("{}", seen.join("\n"));
                return None;
            };
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = &entry["fields"];
            seen.push(line);
            if fields["message"] == "listening" {
                break fields["address"]
                    .as_str()
                    .and_then(|it| it.parse().ok())
                    .expect("an address");
            }
        };
        let log = std::thread::spawn(move || {
            seen.extend(lines.map_while(Result::ok));
            seen
        });
        Some(Gateway { child, address, log })
    }

    /// Ends it by a signal and gives its exit code (none: the signal killed it) and its log.
    pub fn signal(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "the process is there");
        let code = self.child.wait().expect("its end").code();
        let log = std::mem::replace(&mut self.log, std::thread::spawn(Vec::new));
        (code, log.join().expect("its log"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One WebSocket.
pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let url = format!("ws://{address}/");
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("an upgrade");
        Self { socket }
    }

    /// Connects and logs in.
    pub async fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        let mut client = Self::connect(address).await;
        let ack = client
            .ask(json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login",
                "DETAILS": {"USER_NAME": user, "PASSWORD": password}}))
            .await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");
        client
    }

    pub async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.expect("it is sent");
    }

    /// The next text frame; none when the connection ends.
    pub async fn receive(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(30), self.socket.next()).await;
            match frame.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Sends a message and waits for the answer with its SOURCE_REF.
    pub async fn ask(&mut self, message: Value) -> Value {
        let source_ref = message["SOURCE_REF"].clone();
        self.send(message).await;
        loop {
            let answer = self.receive().await.expect("an answer");
            if answer["SOURCE_REF"] == source_ref {
                return answer;
            }
        }
    }
}
