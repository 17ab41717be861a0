//! `replay`: plays message scripts against a gateway, to verify replies or to measure latencies.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::sync::watch;

use super::output::OutputArgs;
use super::progress::Progress;
use super::scripts::LoadedScript;
use crate::cli::remote::UnverifiedRemoteArgs;
use crate::cli::time_argument::parse_time;
use crate::platform::{Clock, file_descriptors};
use crate::replay::{
    LoadProfile, Measurements, PlayOptions, Played, RestTransport, Results, RunInfo, Scenario,
    ScenarioClients, Threshold, Transport, WebSocketTransport, load,
};

/// Play message scripts against a gateway, to verify its replies or to measure latencies.
///
/// A script is a conversation (see protocol/docs/script-format.md). A `* repeat` line without a
/// number or time begins a round, which ends at its `* end`. Each client plays the steps before the
/// round once, repeats the round until the run ends, and plays the steps after the round once. A
/// script without such a line is repeated as a whole.
#[derive(Args)]
pub(in crate::cli) struct ReplayArgs {
    /// Scripts to play. SCRIPT:N has N clients of its own, which ignore --rate and are not part of
    /// --clients; the other scripts share the clients of --clients
    #[arg(required = true, value_name = "SCRIPT[:N]")]
    scripts: Vec<String>,
    #[command(flatten)]
    remote: UnverifiedRemoteArgs,
    /// Only check the scripts, without connecting, and list their variables that have no value
    #[arg(long)]
    check: bool,
    /// Compare received frames with the scripts, except for volatile fields (see --volatile)
    #[arg(long)]
    verify: bool,
    /// Field whose value --verify does not compare, in addition to fields that scripts mark with ~;
    /// may be repeated
    #[arg(long, value_name = "FIELD")]
    volatile: Vec<String>,
    /// Number of concurrent clients
    #[arg(long, value_name = "N", default_value_t = 1)]
    clients: usize,
    /// Rounds that all clients together start per second, such as 2000/s, on a fixed schedule (open
    /// loop); default: each client starts a round as soon as its previous round ends (closed loop)
    #[arg(long, value_name = "N/s", value_parser = rate)]
    rate: Option<f64>,
    /// Time over which the clients start one after another
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    ramp: Duration,
    /// Time during which rounds are started, including --ramp (default: until each client has
    /// played --rounds)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    duration: Option<Duration>,
    /// Rounds of each client (default: 1, unlimited with --duration)
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,
    /// Divide pauses (@) by this factor, such as 2 to halve them; 0 skips them
    #[arg(long, alias = "pace", value_name = "FACTOR", default_value_t = 1.0)]
    time_factor: f64,
    /// Timeout for connecting and for each expected frame
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    timeout: Duration,
    /// Local addresses to connect from, separated by commas; assigned to the clients round-robin
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    from: Vec<IpAddr>,
    /// CSV file with values of variables, such as secrets: their names in the first line, then one
    /// row per client; if clients outnumber the rows, the rows are used again; may be repeated
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Value of a variable, such as user=jane; overrides the scripts and --data; may be repeated.
    /// TEXT can differ for each client: an n in braces is replaced by the number of the client,
    /// from 0 (see `* data` in protocol/docs/script-format.md)
    // The placeholder is described in words: clap prints a line break instead of the placeholder.
    #[arg(long, value_name = "NAME=TEXT", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Directory of the gateway's mails (mail.file.folder), for scripts that read mails
    #[arg(long, value_name = "DIR")]
    outbox: Option<PathBuf>,
    /// Fail if a measurement crosses this threshold, such as 'EVENT_HEARTBEAT.p99>5ms' or
    /// 'all.errors>0'; may be repeated
    #[arg(long, value_name = "THRESHOLD")]
    fail_if: Vec<Threshold>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Why a finished run counts as failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ReplayFailed {
    #[error("differences from the scripts: {0}")]
    Differs(u64),
    #[error("thresholds crossed: {0}")]
    Crossed(usize),
    #[error("rounds not completed: {0}")]
    Broken(u64),
}

impl ReplayArgs {
    pub(in crate::cli) fn run(self) -> Result<()> {
        let read = LoadedScript::load_all(&self.scripts, &self.data, &self.set)?;
        if self.check {
            read.iter().for_each(LoadedScript::print_summary);
            return Ok(());
        }
        read.iter().try_for_each(LoadedScript::require_values)?;
        let capacity = file_descriptors::raise_fd_limit();
        if self.clients > capacity {
            bail!(
                "--clients {}: the limit of file descriptors (ulimit -n) allows only {capacity}; \
                 raise its hard limit, or lower --clients",
                self.clients
            );
        }
        let sockets =
            WebSocketTransport { endpoint: self.remote.endpoint()?, from: self.from.clone() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let results = runtime.block_on(async {
            if sockets.endpoint.is_rest() {
                self.play(read, RestTransport(sockets)).await
            } else {
                self.play(read, sockets).await
            }
        });
        runtime.shutdown_background();
        self.finish(results?)
    }

    async fn play<T: Transport>(&self, read: Vec<LoadedScript>, transport: T) -> Result<Results> {
        let started_ms = Clock::system().now();
        let groups = self.scenario_clients(read, Arc::new(transport));
        let scripts: Vec<_> = groups
            .iter()
            .map(|group| {
                let script = group.scenario.name.clone();
                Played { script, clients: group.clients }
            })
            .collect();
        let profile = LoadProfile {
            rate: self.rate,
            ramp: self.ramp,
            duration: self.duration,
            rounds: self.rounds,
        };
        let measurements = Arc::new(Measurements::default());
        let (stop, stopped) = watch::channel(false);
        let progress = Progress::new(measurements.clone(), self.duration, self.rate.is_some());
        let running = load::run(&groups, &profile, &measurements, stopped);
        let (series, interrupted) = progress.watch(running, stop).await;
        let run_info = RunInfo {
            started_ms,
            to: self.remote.to().to_owned(),
            scripts,
            rate: self.rate,
            verify: self.verify,
            interrupted,
        };
        Ok(Results::new(&measurements, run_info, series))
    }

    /// Assigns clients to the scripts: N clients to `SCRIPT:N`, and a share of `--clients` to each
    /// other script.
    fn scenario_clients<T>(
        &self,
        read: Vec<LoadedScript>,
        transport: Arc<T>,
    ) -> Vec<ScenarioClients<T>> {
        let sharing = read.iter().filter(|it| it.clients.is_none()).count().max(1);
        let mut shared = 0;
        let group = |it: LoadedScript| {
            let clients = it.clients.unwrap_or_else(|| {
                shared += 1;
                self.clients / sharing + usize::from(shared <= self.clients % sharing)
            });
            let paced = it.clients.is_none();
            let mut script = it.script;
            script.volatile.extend(self.volatile.iter().cloned());
            let options = PlayOptions {
                verify: self.verify,
                time_factor: self.time_factor.max(0.0),
                answer_timeout: self.timeout,
                mail_folder: self.outbox.clone(),
            };
            let (transport, script) = (transport.clone(), Arc::new(script));
            let scenario =
                Scenario { name: it.name, script, values: it.values, transport, options };
            ScenarioClients { scenario: Arc::new(scenario), clients, paced }
        };
        read.into_iter().map(group).collect()
    }

    /// Evaluates the thresholds and writes the reports. Fails if the run crosses a threshold or,
    /// with `--verify`, differs from the scripts or has a round that was not completed.
    fn finish(&self, mut results: Results) -> Result<()> {
        let thresholds = self.fail_if.iter().map(|it| it.evaluate(&results.report)).collect();
        results.report.thresholds = thresholds;
        self.output.write(&results)?;
        let report = &results.report;
        if let Some(it) = report.verification.as_ref().filter(|it| it.different > 0) {
            return Err(ReplayFailed::Differs(it.different).into());
        }
        match report.thresholds.iter().filter(|it| it.crossed).count() {
            0 if self.verify && report.rounds.broken > 0 => {
                Err(ReplayFailed::Broken(report.rounds.broken).into())
            }
            0 => Ok(()),
            crossed => Err(ReplayFailed::Crossed(crossed).into()),
        }
    }
}

fn rate(text: &str) -> Result<f64> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let rate: f64 = number.trim().parse().context("a rate must be a number, such as 2000/s")?;
    let rate = match unit.trim() {
        "s" => rate,
        "m" | "min" => rate / 60.0,
        _ => bail!("the unit of a rate must be /s or /m"),
    };
    if !(rate.is_finite() && rate > 0.0) {
        bail!("a rate must be above 0");
    }
    Ok(rate)
}

fn setting(text: &str) -> Result<(String, String)> {
    let (name, text) = text.split_once('=').context("a value must have the form NAME=TEXT")?;
    Ok((name.to_owned(), text.to_owned()))
}
