//! `serve`: starts the gateway, announces its address, and shuts it down on a signal.

use std::env::VarError;
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
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{announcement, demo, first_start, reload_signal};
use crate::cli::config_args::ConfigArgs;
use crate::gateway::tasks::spawn;
use crate::gateway::{Gateway, Started, startup};
use crate::net::{Identity, listener, management};
use crate::platform::{Clock, metrics, private_file};
use crate::router::Router;
use crate::settings::{Settings, SettingsError};
use crate::storage::AUDIT_TARGET;

/// Arguments of `serve`.
#[derive(Args)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Directory of the store; created if missing
    #[arg(long, value_name = "DIR", default_value = "tollgate-data")]
    data_dir: PathBuf,
    /// Address to listen on, instead of server.listen; port 0 selects a free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve sample users, profiles, rights and services from memory, on a loopback address
    #[arg(long, conflicts_with_all = ["config", "data_dir"])]
    demo: bool,
}

/// Everything that is prepared before the first socket is opened.
struct StartContext<'a> {
    settings: Settings,
    started: &'a Started,
    clock: Clock,
    metrics: PrometheusHandle,
    tls: Option<Arc<Identity>>,
}

/// Why the gateway cannot listen on its address; usually, another process uses it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub(in crate::cli) struct CannotListen {
    address: String,
    source: std::io::Error,
}

impl ServeArgs {
    pub(in crate::cli) fn run(self) -> Result<()> {
        // Logging comes first, because loading the configuration can log warnings.
        log_to_stderr()?;
        private_file::make_new_files_private();
        let settings = self.settings()?;
        warn_of_missing_hosts(&settings);
        let tls = settings.server.tls.is_on().then(|| Identity::open(&settings.server.tls));
        let tls = tls.transpose()?.map(Arc::new);
        log_panics();
        let metrics = PrometheusBuilder::new().set_buckets(crate::platform::BUCKETS)?;
        let metrics = metrics.install_recorder().context("cannot install the metrics recorder")?;
        metrics::describe();
        let clock = Clock::system();
        let started = startup::start(&settings, &self.data_dir, clock.clone())
            .with_context(|| format!("cannot open the store in {}", self.data_dir.display()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let context = StartContext { settings, started: &started, clock, metrics, tls };
        let served = runtime.block_on(self.serve(context));
        // Ends the remaining tasks, so that they do not keep the store open.
        runtime.shutdown_timeout(Duration::from_secs(1));
        started.close();
        served
    }

    /// Loads and validates the configuration; `--listen` overrides server.listen.
    fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings = self.config.load()?;
        if let Some(listen) = &self.listen {
            settings.server.listen = listen.clone();
        }
        if self.demo {
            demo::apply(&mut settings)?;
        }
        settings.validate()?;
        Ok(settings)
    }

    /// Prepares the store. With `--demo` creates the sample records; otherwise creates the first
    /// administrator if the store has neither an administrator nor a user named `admin`. Returns
    /// the shell command that prints the password of the created administrator; `None` if no
    /// administrator was created.
    async fn prepare(&self, settings: &Settings, started: &Started) -> Result<Option<String>> {
        started.replica.audit_trail.log_rows(settings.audit.log);
        if self.demo {
            started.prepare(settings, None).await?;
            demo::populate(settings, started).await?;
            return Ok(None);
        }
        let first = first_start::first_admin(settings, started)?;
        let password_command = first.as_ref().map(|first| first.announce(&self.data_dir));
        let password_command = password_command.transpose()?;
        started.prepare(settings, first.map(|first| first.user)).await?;
        if !started.replica.read(|realm, _| realm.has_administrator()) {
            tracing::warn!(
                "no user who can log in holds all administration rights; to restore them, stop \
                 the gateway and run `tollgate admin recover --user NAME`"
            );
        }
        Ok(password_command)
    }

    async fn serve(&self, context: StartContext<'_>) -> Result<()> {
        let StartContext { settings, started, clock, metrics, tls } = context;
        // From here on SIGTERM and SIGINT let the gateway notify its clients and save its state.
        let mut signals = Signals::new()?;
        // The steps that are likely to fail come before the first administrator is created, because
        // a generated password is shown only once.
        let listener = bind(&settings.server.listen)?;
        let address = listener.local_addr()?;
        let management = &settings.server.management_listen;
        let management = (!management.is_empty()).then(|| bind(management)).transpose()?;
        let keys = settings.keyring(&self.data_dir)?;
        let password_command = self.prepare(&settings, started).await?;
        let gateway = Gateway::new(settings, started.replica.clone(), clock, keys);
        crate::gateway::check_keys(&gateway);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = spawn::spawn_all(&gateway);
        if let Some(tls) = &tls {
            tasks.spawn(tls.clone().watch());
        }
        let mut servers = tokio::task::JoinSet::new();
        if let Some(management) = management {
            tracing::info!(address = %management.local_addr()?, "management listener started");
            servers.spawn(management::run(
                management,
                gateway.clone(),
                metrics.clone(),
                stopped.clone(),
            ));
        }
        servers.spawn(listener::run(listener, tls.clone(), Router::new(gateway.clone()), stopped));
        servers.spawn(run_metrics_task(metrics));
        let is_tls = tls.is_some();
        tracing::info!(%address, tls = is_tls, version = env!("CARGO_PKG_VERSION"), "listening");
        if self.demo {
            demo::announce(address, is_tls)?;
        } else {
            announcement::print(address, is_tls, &self.data_dir, password_command)?;
        }
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
        tracing::info!("shutdown completed");
        Ok(())
    }
}

/// Aggregates the samples of histograms regularly. Without this, the samples would accumulate in
/// memory if nothing reads the metrics.
async fn run_metrics_task(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

/// Warns if browsers that come through a proxy would be refused.
fn warn_of_missing_hosts(settings: &Settings) {
    if settings.server.lacks_hosts() {
        tracing::warn!(
            "server.trusted_proxies is set, but server.hosts is empty: browsers that use a name \
             of the proxy are refused with status 421"
        );
    }
}

fn bind(address: &str) -> Result<TcpListener> {
    let parsed: SocketAddr = address
        .parse()
        .with_context(|| format!("{address:?} is not an address like 127.0.0.1:9064"))?;
    listener::bind(parsed)
        .map_err(|source| CannotListen { address: address.to_owned(), source }.into())
}

/// Refuses new connections and notifies the WebSocket clients. Waits until all WebSocket
/// connections are closed, but at most `server.shutdown_grace_secs`.
async fn drain(gateway: &Arc<Gateway>) {
    tracing::info!(connections = gateway.connections.len(), "closing of connections started");
    gateway.connections.begin_shutdown();
    let grace = Duration::from_secs(gateway.settings().server.shutdown_grace_secs);
    let empty = async {
        while !gateway.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let has_drained = tokio::time::timeout(grace, empty).await.is_ok();
    crate::platform::log_omitted_lines();
    if !has_drained {
        tracing::warn!(
            connections = gateway.connections.len(),
            "connections were still open after the grace period"
        );
    }
}

/// The signals that the gateway handles.
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

    /// Waits for the next signal. Returns true for SIGTERM and SIGINT, which end the gateway, and
    /// false for SIGHUP, which reloads the configuration.
    async fn next_ends_gateway(&mut self) -> bool {
        let signal = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hang_up.recv() => return false,
        };
        tracing::info!(signal, "shutdown started");
        true
    }
}

/// Logs to stderr: text on a terminal, otherwise JSON. TOLLGATE_LOG sets the levels. Libraries that
/// use the `log` crate are not logged at any level, because their records can contain whole frames.
fn log_to_stderr() -> Result<(), SettingsError> {
    let levels = match std::env::var("TOLLGATE_LOG") {
        Ok(levels) if !levels.is_empty() => levels,
        Ok(_) | Err(VarError::NotPresent) => "info".to_owned(),
        Err(VarError::NotUnicode(_)) => return Err(invalid_levels("the value is not UTF-8")),
    };
    // `Targets` treats a word other than a level as a module name, and logs only that module.
    let is_complete = |it: &str| it.contains('=') || it.parse::<LevelFilter>().is_ok();
    let parsed = levels.parse::<Targets>().ok().filter(|_| levels.split(',').all(is_complete));
    let mut levels = parsed.ok_or_else(|| {
        invalid_levels("expected levels such as debug or warn,tollgate::router=info")
    })?;
    // `audit.log` decides about audit rows, unless TOLLGATE_LOG names their target.
    if levels.iter().all(|(target, _)| target != AUDIT_TARGET) {
        levels = levels.with_target(AUDIT_TARGET, LevelFilter::INFO);
    }
    let registry = tracing_subscriber::registry().with(levels);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let done = if std::io::stderr().is_terminal() {
        registry.with(layer).try_init()
    } else {
        registry.with(layer.json()).try_init()
    };
    // This fails only in tests, which may have installed a subscriber before.
    let _ = done;
    Ok(())
}

fn invalid_levels(reason: &str) -> SettingsError {
    SettingsError::Environment { variable: "TOLLGATE_LOG".to_owned(), reason: reason.to_owned() }
}

/// Logs each panic with its source location. The text is logged only if it is a literal of the
/// source: a formatted text could contain what a client sent.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload().downcast_ref::<&'static str>().unwrap_or(&"");
        crate::platform::refusal_line!(ERROR, None, location, text, "a panic occurred");
    }));
}
