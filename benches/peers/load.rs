//! One round of load on one server: connections, heartbeats, pushes.

use std::time::Duration;

use tollgate::platform::stopwatch;

use crate::client::Client;
use crate::echo_server::TO_ALL;
use crate::peer::{Peer, Server};
use crate::process_stat::{cpu_ns, memory_bytes};

/// The size of a round.
pub struct Load {
    pub connections: usize,
    pub heartbeats: usize,
    pub pushes: usize,
}

/// What one round measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Memory of the server for each connection, in bytes, before its first heartbeat. `None`
    /// except in the first round: later rounds reuse memory that the server has kept.
    pub connection_bytes: Option<f64>,
    /// Processor time of the server for each heartbeat, in microseconds.
    pub heartbeat_us: f64,
    /// Heartbeats per second of all connections. Each connection waits for the reply before it
    /// sends the next heartbeat.
    pub heartbeats_per_sec: f64,
    /// Processor time of the server for each push that a connection received, in microseconds;
    /// `None` if the server cannot push.
    pub push_us: Option<f64>,
    /// Median milliseconds from a change until the last connection has received its push; `None` if
    /// the server cannot push.
    pub last_push_ms: Option<f64>,
}

impl Load {
    /// Runs one round. `is_first` states that the server has not had connections before.
    pub async fn run(&self, server: &Server, is_first: bool) -> Measured {
        if server.peer == Peer::Gateway {
            // Removes the right that an earlier round may have left; the first push adds it.
            let mut administrator = Client::connect_administrator(server).await;
            administrator.request(&self.change(server.peer, 1)).await;
        }
        let memory = memory_bytes(server.process_id);
        let mut clients = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            clients.push(Client::connect(server, number).await);
        }
        let memory = memory_bytes(server.process_id).saturating_sub(memory);
        let (mut clients, heartbeat_us, heartbeats_per_sec) =
            self.send_heartbeats(server, clients).await;
        let (mut push_us, mut last_push_ms) = (None, None);
        if server.peer.can_push() {
            let (us, ms) = self.push(server, &mut clients).await;
            (push_us, last_push_ms) = (Some(us), Some(ms));
        }
        drop(clients);
        // Gives the server time to free the connections before the next round.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let connection_bytes = is_first.then(|| memory as f64 / self.connections as f64);
        Measured { connection_bytes, heartbeat_us, heartbeats_per_sec, push_us, last_push_ms }
    }

    async fn send_heartbeats(
        &self,
        server: &Server,
        clients: Vec<Client>,
    ) -> (Vec<Client>, f64, f64) {
        let (cpu, time) = (cpu_ns(server.process_id), stopwatch());
        let count = self.heartbeats;
        let tasks = clients.into_iter().map(|mut client| {
            tokio::spawn(async move {
                for _ in 0..count {
                    client.heartbeat().await;
                }
                client
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut clients = Vec::new();
        for task in tasks {
            clients.push(task.await.expect("every reply is right"));
        }
        let messages = (count * self.connections) as f64;
        let used = cpu_ns(server.process_id) - cpu;
        (clients, used as f64 / 1_000.0 / messages, messages / time.elapsed_secs())
    }

    /// Makes one change after another, each when all connections have received the previous change.
    /// Returns the processor time for each push (us) and the median time of a change (ms).
    async fn push(&self, server: &Server, clients: &mut [Client]) -> (f64, f64) {
        let mut publisher = match server.peer {
            Peer::Gateway => Client::connect_administrator(server).await,
            _ => Client::connect(server, self.connections).await,
        };
        let (mut cpu, mut milliseconds) = (0, Vec::new());
        for number in 0..self.pushes {
            let change = self.change(server.peer, number);
            let (before, time) = (cpu_ns(server.process_id), stopwatch());
            match server.peer {
                Peer::Gateway => drop(publisher.request(&change).await),
                _ => {
                    publisher.publish(&change).await;
                    publisher.receive_push(&change).await;
                }
            }
            for client in &mut *clients {
                client.receive_push(&change).await;
            }
            milliseconds.push(time.elapsed_secs() * 1_000.0);
            cpu += cpu_ns(server.process_id) - before;
        }
        let pushes = (self.pushes * clients.len()) as f64;
        (cpu as f64 / 1_000.0 / pushes, crate::report::median(&milliseconds))
    }

    /// For the gateway, returns a change that gives all users a right (even numbers) or removes the
    /// right (odd numbers). For other servers, returns a text as long as a push of the gateway.
    fn change(&self, peer: Peer, number: usize) -> String {
        let rights = if number.is_multiple_of(2) { r#""BACKUP""# } else { "" };
        let details = format!(r#"{{"NAME":"{PROFILE}","RIGHT_CODES":[{rights}]"#);
        let start = format!(r#"{TO_ALL},"SOURCE_REF":{number},"DETAILS":{details}"#);
        let length = if peer == Peer::Gateway { 0 } else { PUSH_BYTES.saturating_sub(start.len()) };
        format!("{start}{}}}}}", " ".repeat(length))
    }
}

/// The profile that `tollgate populate --profiles 1` gives every user.
pub const PROFILE: &str = "EQUITY_TRADER_0";
/// The length of a QUERY_UPDATE with one row of USER_RIGHTS.
const PUSH_BYTES: usize = 300;
