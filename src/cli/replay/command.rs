//! `replay`: plays message scripts against a gateway, once to compare, by thousands to measure.

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
/// Play message scripts against a gateway: once to compare, by thousands to measure.
///
/// A script is a conversation (protocol/docs/script-format.md). What stands before its `* repeat`
/// is said once by each client, what is repeated is measured until the end of the time, what
/// follows is said last; a script without it is repeated as a whole.
#[derive(Args)]
pub(in crate::cli) struct ReplayArgs {
    /// Scripts; SCRIPT:N is played by N clients at its own pace, the others share --clients
    #[arg(required = true, value_name = "SCRIPT[:N]")]
    scripts: Vec<String>,
    #[command(flatten)]
    remote: UnverifiedRemoteArgs,
    /// Only say what is wrong with the scripts, and which values they need
    #[arg(long)]
    check: bool,
    /// Compare every frame that the scripts expect, but for what they declare volatile
    #[arg(long)]
    verify: bool,
    /// A field that differs from time to time, beside those that the scripts declare
    #[arg(long, value_name = "FIELD")]
    volatile: Vec<String>,
    /// How many clients play at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    clients: usize,
    /// Begin so many rounds a second, of all clients together, however late answers come (an open
    /// loop); without it the next round begins when the last is through
    #[arg(long, value_name = "N/s", value_parser = rate)]
    rate: Option<f64>,
    /// Let the clients begin one after another over this time
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    ramp: Duration,
    /// Begin rounds for this long, the ramp included; without it every client plays --rounds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    duration: Option<Duration>,
    /// Rounds of each client; without --duration one
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,
    /// Play pauses (@) this many times as fast as the scripts say; 0: without pauses
    #[arg(long, alias = "pace", value_name = "FACTOR", default_value_t = 1.0)]
    time_factor: f64,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    timeout: Duration,
    /// Connect from these addresses of this machine in turn
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    from: Vec<IpAddr>,
    /// A CSV file with values, one row a client; its first line names them. The place for secrets
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// A value; {n} in it is the number of the client, from 0
    #[arg(long, value_name = "NAME=TEXT", value_parser = setting)]
    set: Vec<(String, String)>,
    /// The folder where mails come, for scripts that ask for them
    #[arg(long, value_name = "FOLDER")]
    outbox: Option<PathBuf>,
    /// Fail if a figure crosses a limit, such as 'EVENT_HEARTBEAT.p99>5ms' or 'all.errors>0'
    #[arg(long, value_name = "LIMIT")]
    fail_if: Vec<Threshold>,
    #[command(flatten)]
    output: OutputArgs,
}

/// The run went through, and did not come to what was asked for.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ReplayFailed {
    #[error("{0} frames differ from the scripts")]
    Differs(u64),
    #[error("{0} limits were crossed")]
    Crossed(usize),
    #[error("a round was not played to its end")]
    Broken,
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
                "{} clients need more descriptors than ulimit -n allows ({capacity})",
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

    /// Scripts with a number of their own get it, the others share all clients.
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

    /// Writes what was asked for, and says whether the run came to what was expected.
    fn finish(&self, mut results: Results) -> Result<()> {
        let thresholds = self.fail_if.iter().map(|limit| limit.evaluate(&results.report)).collect();
        results.report.thresholds = thresholds;
        self.output.write(&results)?;
        let report = &results.report;
        if let Some(it) = report.verification.as_ref().filter(|it| it.different > 0) {
            return Err(ReplayFailed::Differs(it.different).into());
        }
        match report.thresholds.iter().filter(|it| it.crossed).count() {
            0 if self.verify && report.rounds.broken > 0 => Err(ReplayFailed::Broken.into()),
            0 => Ok(()),
            crossed => Err(ReplayFailed::Crossed(crossed).into()),
        }
    }
}

fn rate(text: &str) -> Result<f64> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let rate: f64 = number.trim().parse().context("a rate is a number, such as 2000/s")?;
    let rate = match unit.trim() {
        "s" => rate,
        "m" | "min" => rate / 60.0,
        _ => bail!("a rate is given per s or per m"),
    };
    if !(rate.is_finite() && rate > 0.0) {
        bail!("a rate is above 0");
    }
    Ok(rate)
}

fn setting(text: &str) -> Result<(String, String)> {
    let (name, text) = text.split_once('=').context("a value is set as NAME=TEXT")?;
    Ok((name.to_owned(), text.to_owned()))
}
