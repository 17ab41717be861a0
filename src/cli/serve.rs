//! `serve`: starts the gateway, tells where it is, drains it when told to end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use protocol::{Password, UserName};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{Config, offline};
use crate::net::{listener, management};
use crate::node::Node;
use crate::opening::{self, ADMINISTRATORS, Opened};
use crate::outside::clock::Clock;
use crate::outside::dice;
use crate::realm::command::NewUser;
use crate::router::Router;
use crate::settings::Settings;
use crate::{counts, upkeep};

/// How to start.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: Config,
    /// Where the data is kept
    #[arg(long, value_name = "DIR", default_value = "tollgate-data")]
    data_dir: PathBuf,
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

/// The address is taken or not ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub(super) struct CannotListen {
    address: String,
    source: std::io::Error,
}

/// The name of the first administrator.
const ADMIN: &str = "admin";
/// Where a generated password goes when nobody watches the start.
const PASSWORD_FILE: &str = "admin-password";

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        let mut settings = self.config.load()?;
        if let Some(listen) = &self.listen {
            settings.server.listen = listen.clone();
        }
        settings.validate()?;
        log_to_stderr();
        let metrics = PrometheusBuilder::new().set_buckets(counts::BUCKETS)?;
        let metrics = metrics.install_recorder().context("metrics")?;
        counts::describe();
        let clock = Clock::system();
        let opened = opening::open(&settings, &self.data_dir, clock.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(serve(settings, &self.data_dir, &opened, clock, metrics));
        // Sockets are closed; what is left of tasks must not keep the store open.
        runtime.shutdown_timeout(Duration::from_secs(1));
        opened.close();
        served
    }
}

async fn serve(
    settings: Settings,
    data_dir: &Path,
    opened: &Opened,
    clock: Clock,
    metrics: PrometheusHandle,
) -> Result<()> {
    // From here on a signal is an orderly end.
    let mut signals = Signals::new()?;
    // Whatever may fail comes before the first administrator is made, whose password is told once.
    let gate = bind(&settings.server.listen)?;
    let address = gate.local_addr()?;
    let management = &settings.server.management_listen;
    let management = (!management.is_empty()).then(|| bind(management)).transpose()?;
    let first = first_administrator(&settings, opened)?;
    let told = first.as_ref().map(|first| first.tell(data_dir)).transpose()?;
    opened.prepare(&settings, first.map(|first| first.user)).await?;
    let node = Node::new(settings, opened.replica.clone(), clock);
    let (stop, stopped) = watch::channel(false);
    let duties = upkeep::start(&node);
    let mut servers = tokio::task::JoinSet::new();
    if let Some(management) = management {
        tracing::info!(address = %management.local_addr()?, "management");
        servers.spawn(management::run(management, node.clone(), metrics.clone(), stopped.clone()));
    }
    servers.spawn(listener::run(gate, Router::new(node.clone()), stopped));
    servers.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            metrics.run_upkeep();
        }
    });
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    tell(address, data_dir, told)?;
    signals.end().await;
    let _ = stop.send(true);
    drain(&node).await;
    upkeep::flush_touches(&node).await;
    upkeep::flush_notes(&node).await;
    drop(duties);
    tracing::info!("drained");
    Ok(())
}

fn bind(address: &str) -> Result<TcpListener> {
    let parsed: SocketAddr =
        address.parse().with_context(|| format!("{address} is not an address"))?;
    listener::bind(parsed)
        .map_err(|source| CannotListen { address: address.to_owned(), source }.into())
}

/// No new connections, everybody is told, everybody gets time to take the last words.
async fn drain(node: &Arc<Node>) {
    tracing::info!(connections = node.connections.len(), "draining");
    node.connections.close();
    let grace = Duration::from_secs(node.settings.server.shutdown_grace_secs);
    let empty = async {
        while !node.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(grace, empty).await.is_err() {
        tracing::warn!(
            connections = node.connections.len(),
            "some connections did not end in time"
        );
    }
}

/// The signals that a gateway listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal that ends the gateway.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return tracing::info!(signal = "SIGTERM", "ending"),
                _ = self.interrupt.recv() => return tracing::info!(signal = "SIGINT", "ending"),
                // A terminal that closes, or a habit: not a reason to end everybody's session.
                _ = self.hang_up.recv() => {
                    let why = "the configuration is read at the start only";
                    tracing::warn!(signal = "SIGHUP", why, "ignored");
                }
            }
        }
    }
}

/// The administrator that a first start makes, with the password if nobody chose it.
struct First {
    user: NewUser,
    drawn: Option<Password>,
}

fn first_administrator(settings: &Settings, opened: &Opened) -> Result<Option<First>> {
    let name = UserName::parse(ADMIN)?;
    let needed = opened
        .replica
        .read(|realm, _| !realm.has_administrator() && realm.user_by_name(&name).is_none());
    if !needed {
        return Ok(None);
    }
    let given = std::env::var("TOLLGATE_ADMIN_PASSWORD").ok().filter(|given| !given.is_empty());
    let drawn = given.is_none().then(|| Password::new(dice::session_token().expose()));
    let given = given.map(Password::new);
    let chosen = given.as_ref().or(drawn.as_ref()).context("no password")?;
    let credential = Some(offline::hash(settings, chosen)?.into());
    let user = NewUser { name, credential, attributes: Box::default(), profiles: Vec::new() };
    Ok(Some(First { user, drawn }))
}

impl First {
    /// Tells the password to whoever started the gateway, and gives the command that says it again.
    fn tell(&self, data_dir: &Path) -> Result<String> {
        let Some(drawn) = &self.drawn else {
            return Ok("echo \"$TOLLGATE_ADMIN_PASSWORD\"".to_owned());
        };
        if std::io::stdout().is_terminal() {
            println!("the user {ADMIN} of {ADMINISTRATORS} has the password {}", drawn.expose());
            println!("it is shown this once; EVENT_CHANGE_USER_PASSWORD changes it");
            return Ok(format!("echo {}", drawn.expose()));
        }
        let file = data_dir.join(PASSWORD_FILE);
        write_private(&file, drawn.expose())?;
        println!("the password of the user {ADMIN} is in {}", file.display());
        Ok(format!("cat {}", quoted(&file)))
    }
}

/// Tells whoever started the gateway where it is, and one command that logs in.
fn tell(address: SocketAddr, data_dir: &Path, password: Option<String>) -> Result<()> {
    let password = password.unwrap_or_else(|| "echo YOUR-PASSWORD".to_owned());
    let program = std::env::current_exe().unwrap_or_else(|_| "tollgate".into());
    let mut out = std::io::stdout().lock();
    let data = data_dir.display();
    let told = writeln!(out, "tollgate listens on ws://{address}/ and keeps its data in {data}")
        .and_then(|()| {
            let program = quoted(&program);
            writeln!(out, "log in:  {password} | {program} say --to {address} --login {ADMIN}")
        })
        .and_then(|()| out.flush());
    // Nobody has to read it: the log says where the gateway listens, too.
    told.or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}

/// A path as a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Writes a line into a file that only its owner reads.
fn write_private(file: &Path, line: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    // An old file may be readable by others.
    let _ = std::fs::remove_file(file);
    let written = options.open(file).and_then(|mut file| writeln!(file, "{line}"));
    written.with_context(|| format!("{} cannot be written", file.display()))
}

/// Only what the gateway itself says is written, whatever the level: what libraries say may hold
/// what was sent.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().try_init()
    };
    // A second subscriber is only possible in tests, where the first one is as good.
    let _ = done;
}
