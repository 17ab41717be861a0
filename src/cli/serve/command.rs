//! `serve`: starts the gateway, tells where it is, drains it when told to end.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{first_start, reload_signal};
use crate::cli::config_args::ConfigArgs;
use crate::gateway::tasks::spawn;
use crate::gateway::{Gateway, Started, startup};
use crate::net::{Identity, listener, management};
use crate::platform::{Clock, metrics};
use crate::router::Router;
use crate::settings::{Settings, SettingsError};
/// How to start.
#[derive(Args)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where the data is kept
    #[arg(long, value_name = "DIR", default_value = "tollgate-data")]
    data_dir: PathBuf,
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

/// What a start has made before the first socket opens.
struct StartContext<'a> {
    settings: Settings,
    started: &'a Started,
    clock: Clock,
    metrics: PrometheusHandle,
    tls: Option<Arc<Identity>>,
}

/// The address is taken or not ours.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub(in crate::cli) struct CannotListen {
    address: String,
    source: std::io::Error,
}

impl ServeArgs {
    pub(in crate::cli) fn run(self) -> Result<()> {
        // First: the configuration may have something to say.
        log_to_stderr();
        let settings = self.settings()?;
        let tls = settings.server.tls.is_on().then(|| Identity::open(&settings.server.tls));
        let tls = tls.transpose()?.map(Arc::new);
        log_panics();
        let metrics = PrometheusBuilder::new().set_buckets(crate::platform::BUCKETS)?;
        let metrics = metrics.install_recorder().context("metrics")?;
        metrics::describe();
        let clock = Clock::system();
        let started = startup::start(&settings, &self.data_dir, clock.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let context = StartContext { settings, started: &started, clock, metrics, tls };
        let served = runtime.block_on(self.serve(context));
        // Sockets are closed; what is left of tasks must not keep the store open.
        runtime.shutdown_timeout(Duration::from_secs(1));
        started.close();
        served
    }

    /// The configuration as it is now, checked.
    fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings = self.config.load()?;
        if let Some(listen) = &self.listen {
            settings.server.listen = listen.clone();
        }
        settings.validate()?;
        Ok(settings)
    }

    async fn serve(&self, context: StartContext<'_>) -> Result<()> {
        let StartContext { settings, started, clock, metrics, tls } = context;
        // From here on a signal is an orderly end.
        let mut signals = Signals::new()?;
        // Whatever may fail comes before the first administrator is made, whose password is told
        // once.
        let gate = bind(&settings.server.listen)?;
        let address = gate.local_addr()?;
        let management = &settings.server.management_listen;
        let management = (!management.is_empty()).then(|| bind(management)).transpose()?;
        let keys = settings.keyring(&self.data_dir)?;
        let first = first_start::first_admin(&settings, started)?;
        let password_command =
            first.as_ref().map(|first| first.announce(&self.data_dir)).transpose()?;
        started.prepare(&settings, first.map(|first| first.user)).await?;
        let gateway = Gateway::new(settings, started.replica.clone(), clock, keys);
        crate::gateway::check_keys(&gateway);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = spawn::spawn_all(&gateway);
        if let Some(tls) = &tls {
            tasks.spawn(tls.clone().watch());
        }
        let mut servers = tokio::task::JoinSet::new();
        if let Some(management) = management {
            tracing::info!(address = %management.local_addr()?, "management");
            servers.spawn(management::run(
                management,
                gateway.clone(),
                metrics.clone(),
                stopped.clone(),
            ));
        }
        servers.spawn(listener::run(gate, tls.clone(), Router::new(gateway.clone()), stopped));
        servers.spawn(run_metrics_task(metrics));
        let is_tls = tls.is_some();
        tracing::info!(%address, tls = is_tls, version = env!("CARGO_PKG_VERSION"), "listening");
        first_start::announce(address, is_tls, &self.data_dir, password_command)?;
        reload_signal::notify_systemd(&[NotifyState::Ready]);
        while !signals.next_ends_gateway().await {
            reload_signal::run(|| self.settings(), &gateway, tls.as_deref()).await;
        }
        reload_signal::notify_systemd(&[NotifyState::Stopping]);
        let _ = stop.send(true);
        drain(&gateway).await;
        crate::gateway::write_session_use(&gateway).await;
        crate::gateway::write_refusal_log(&gateway).await;
        drop(tasks);
        tracing::info!("drained");
        Ok(())
    }
}

/// What nobody scrapes is not kept for ever.
async fn run_metrics_task(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

fn bind(address: &str) -> Result<TcpListener> {
    let parsed: SocketAddr =
        address.parse().with_context(|| format!("{address} is not an address"))?;
    listener::bind(parsed)
        .map_err(|source| CannotListen { address: address.to_owned(), source }.into())
}

/// No new connections, everybody is told, everybody gets time to take the last words.
async fn drain(gateway: &Arc<Gateway>) {
    tracing::info!(connections = gateway.connections.len(), "draining");
    gateway.connections.begin_shutdown();
    let grace = Duration::from_secs(gateway.settings().server.shutdown_grace_secs);
    let empty = async {
        while !gateway.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(grace, empty).await.is_err() {
        tracing::warn!(
            connections = gateway.connections.len(),
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

    /// Waits for the next signal: whether it ends the gateway, or has it read its configuration.
    async fn next_ends_gateway(&mut self) -> bool {
        let signal = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hang_up.recv() => return false,
        };
        tracing::info!(signal, "ending");
        true
    }
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

/// A fault of ours is told with its place. Its words only where they stand in the source: others
/// may hold what was sent.
fn log_panics() {
    std::panic::set_hook(Box::new(|fault| {
        let at = fault.location().map(ToString::to_string).unwrap_or_default();
        let words = fault.payload().downcast_ref::<&'static str>().unwrap_or(&"");
        tracing::error!(at, words, "a fault in the gateway");
    }));
}
