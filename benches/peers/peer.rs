//! The servers that are compared, and how each of them is started.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use crate::gateway::{GatewayProcess, Home, PASSWORD, free_port, populate};
use crate::load::PROFILE;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The gateway, with every check that it makes in production.
    Gateway,
    /// A TCP echo on tokio, which returns every byte. No server on this runtime can cost less.
    Tcp,
    /// A WebSocket echo on tokio-tungstenite. It sends a text that begins with `TO_ALL` to all
    /// connections, and returns every other text.
    WebSocket,
    /// nats-server. A heartbeat has a subject that only its connection subscribes to; a push has a
    /// subject that all connections subscribe to.
    Nats,
}

impl Peer {
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Tcp, Self::WebSocket, Self::Nats];

    /// Whether the server can send one message to many connections.
    pub fn can_push(self) -> bool {
        self != Self::Tcp
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "tollgate",
            Self::Tcp => "tokio TCP echo",
            Self::WebSocket => "tokio-tungstenite echo",
            Self::Nats => "nats-server",
        })
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "tcp" => Ok(Self::Tcp),
            "websocket" => Ok(Self::WebSocket),
            other => Err(format!("{other} is not tcp or websocket")),
        }
    }
}

/// A running server; stopped when it is dropped.
pub struct Server {
    pub peer: Peer,
    pub address: SocketAddr,
    pub process_id: u32,
    _process: Process,
}

enum Process {
    Gateway { _process: GatewayProcess, _home: Home },
    Other(Child),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Other(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The configuration of the gateway: no limits for the local address, and cheap password hashes,
/// because logins are not measured. All other settings have their defaults.
const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
connections_per_address_max = 100000
messages_per_sec_per_connection = 10000000
exempt_addresses = ['127.0.0.0/8']
[security.scrypt]
log_n = 4
r = 8
p = 1
";

impl Server {
    /// Starts a server with users for `connections`; `None` if its program is not installed.
    pub fn start(peer: Peer, connections: usize) -> Option<Self> {
        match peer {
            Peer::Gateway => Some(Self::start_gateway(connections)),
            Peer::Tcp => Some(Self::start_echo(peer, "tcp")),
            Peer::WebSocket => Some(Self::start_echo(peer, "websocket")),
            Peer::Nats => Self::start_nats(),
        }
    }

    fn start_gateway(connections: usize) -> Self {
        let home = Home::new(CONFIGURATION);
        populate(&home, connections, 1);
        add_administrator(&home);
        let process = home.start();
        let (address, process_id) = (process.address, process.child.id());
        let process = Process::Gateway { _process: process, _home: home };
        Self { peer: Peer::Gateway, address, process_id, _process: process }
    }

    fn start_echo(peer: Peer, name: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        let mut child =
            command.args(["--serve", name]).stdout(Stdio::piped()).spawn().expect("an echo server");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the address");
        let address = line.trim().parse().expect("an address");
        Self { peer, address, process_id: child.id(), _process: Process::Other(child) }
    }

    /// Starts nats-server: the program in the environment variable NATS_SERVER, else the first one
    /// in PATH, else the one in /usr/sbin.
    fn start_nats() -> Option<Self> {
        let program = std::env::var_os("NATS_SERVER").map(PathBuf::from).or_else(|| {
            let path = std::env::var_os("PATH")?;
            let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
            folders.find_map(|folder| {
                Some(folder.join("nats-server")).filter(|program| program.is_file())
            })
        });
        let Some(program) = program else {
            eprintln!("nats-server was not found and is left out; set NATS_SERVER to its path");
            return None;
        };
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        let child =
            command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("nats-server");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let started = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::net::TcpStream::connect(address).is_ok()
        });
        assert!(started, "nats-server does not listen on {address}");
        let process_id = child.id();
        Some(Self { peer: Peer::Nats, address, process_id, _process: Process::Other(child) })
    }
}

/// Adds the administrator who changes the profile of the users.
fn add_administrator(home: &Home) {
    let profiles = ["--profile", "USER_ADMIN", "--profile", PROFILE];
    let mut command = home.command(&["user", "add", "admin", "--password-stdin"]);
    command.args(profiles).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{PASSWORD}").expect("the password");
    drop(stdin);
    assert!(child.wait().expect("an exit").success(), "adding the administrator failed");
}
