//! The gateway compared with other servers that carry the same messages on the same machine.
//!
//! `cargo bench --profile dist --bench peers` starts the gateway, a bare TCP echo, a WebSocket echo
//! on tokio-tungstenite and, if it is installed, nats-server, each as a process of its own. The
//! rounds of the servers are interleaved; a round has heartbeats, then pushes. Every reply is
//! checked: the gateway must send an ACK, the other servers the unchanged heartbeat. A wrong reply
//! ends the run with an error. At the end, medians and ratios are printed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

mod client;
mod echo_server;
#[path = "../../tests/suite/harness/gateway.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod gateway;
mod load;
mod peer;
mod process_stat;
mod report;
#[path = "../../tests/suite/harness/signals.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod signals;

use clap::Parser;
use load::Load;
use peer::{Peer, Server};

/// Measure the gateway beside other servers on the same machine.
#[derive(Parser)]
struct Arguments {
    /// Connections of each server
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    /// Rounds of each server; the median is printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Heartbeats of each connection in one round
    #[arg(long, default_value_t = 100)]
    heartbeats: usize,
    /// Pushes to each connection in one round
    #[arg(long, default_value_t = 20)]
    pushes: usize,
    /// Run only an echo server: tcp or websocket
    #[arg(long, hide = true)]
    serve: Option<Peer>,
    /// Set by `cargo bench`; without this option, as in `cargo test`, the run is short
    #[arg(long, hide = true)]
    bench: bool,
    /// The arguments of `cargo test`, which are ignored
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    test_arguments: Vec<String>,
}

impl Arguments {
    /// Returns the size and the number of the rounds.
    fn load(&self) -> (Load, usize) {
        if !self.bench {
            return (Load { connections: 20, heartbeats: 5, pushes: 4 }, 2);
        }
        let Self { connections, heartbeats, pushes, rounds, .. } = *self;
        (Load { connections, heartbeats, pushes }, rounds)
    }
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(peer) = arguments.serve {
        return echo_server::run(peer);
    }
    if !arguments.bench && !arguments.test_arguments.is_empty() {
        return;
    }
    tollgate::platform::file_descriptors::raise_fd_limit();
    let (load, rounds) = arguments.load();
    let servers: Vec<Server> =
        Peer::ALL.iter().filter_map(|peer| Server::start(*peer, load.connections)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut measured = vec![Vec::new(); servers.len()];
    for round in 0..rounds {
        // Each round begins with another server, so that no server profits from its position.
        for step in 0..servers.len() {
            let index = (round + step) % servers.len();
            eprintln!("round {} of {}: {}", round + 1, rounds, servers[index].peer);
            measured[index].push(runtime.block_on(load.run(&servers[index], round == 0)));
        }
    }
    let names: Vec<_> = servers.iter().map(|server| server.peer).collect();
    report::print(&load, rounds, &names, &measured);
}
