//! `record`: writes a message script from live traffic or from a HAR file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::remote::UnverifiedRemoteArgs;
use super::terminal::escaped;
use crate::net::{ProxyEvent, run_proxy};
use crate::platform::{Stopwatch, private_file, stopwatch};
use crate::replay::record::har;
use crate::replay::{Direction, Transcript};

/// Record a client's conversation as a message script, or convert a HAR file to one.
///
/// Passwords, tokens and codes are replaced by variables before anything is written.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct RecordArgs {
    /// Address of the recording proxy; connect the client to it instead of the gateway. Required
    /// unless --har is given
    #[arg(long, value_name = "ADDR", conflicts_with = "har", required_unless_present = "har")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    remote: UnverifiedRemoteArgs,
    /// HAR file to convert instead of recording (Chrome DevTools: Network, Export HAR with content)
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Script to write (mode 0600); must not exist
    #[arg(long, value_name = "SCRIPT")]
    out: PathBuf,
}

impl RecordArgs {
    pub(super) fn run(self) -> Result<()> {
        if let Some(path) = &self.har {
            let name = || path.display().to_string();
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let script = har::script(&text, &file).with_context(name)?;
            self.create()?.write_all(script.as_bytes()).with_context(|| self.named())?;
            return Ok(());
        }
        let Some(listen) = self.listen else { bail!("--listen or --har is required") };
        let (to, route) = (self.remote.to(), self.remote.endpoint()?);
        if route.is_rest() {
            bail!("--to {to} must begin with ws:// or wss://: only WebSocket traffic is recorded");
        }
        let script = Arc::new(Mutex::new(ScriptWriter::begin(self.create()?, to)?));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind(listen).await;
            let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
            let at = listener.local_addr()?;
            eprintln!("recording ws://{at} -> {to} in {}; stop with Ctrl-C", self.named());
            let writing = script.clone();
            let observe = Arc::new(move |event| writing.lock().write_event(event));
            tokio::select! {
                ended = run_proxy(listener, route, observe) => ended.context("the proxy failed"),
                stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for Ctrl-C"),
            }
        })?;
        runtime.shutdown_background();
        script.lock().finish(&self.named())
    }

    fn named(&self) -> String {
        self.out.display().to_string()
    }

    /// Creates the script; fails if the file exists. What the redaction does not know as a secret
    /// is still private.
    fn create(&self) -> Result<File> {
        private_file::create(&self.out).with_context(|| format!("cannot create {}", self.named()))
    }
}

/// The writer of a script, used while a conversation is recorded.
struct ScriptWriter {
    file: File,
    transcript: Transcript,
    watch: Stopwatch,
    frames: u64,
    failed: Option<std::io::Error>,
}

impl ScriptWriter {
    fn begin(mut file: File, from: &str) -> Result<Self> {
        let transcript = Transcript::default();
        file.write_all(transcript.head(from).as_bytes())?;
        Ok(Self { file, transcript, watch: stopwatch(), frames: 0, failed: None })
    }

    fn write_event(&mut self, event: ProxyEvent) {
        let (at, is_terminal) = (self.watch.elapsed(), std::io::stderr().is_terminal());
        let transcript = &mut self.transcript;
        let step = match event {
            ProxyEvent::Sent { connection, text } => {
                self.frames += 1;
                transcript.frame(&har::connection_name(connection), Direction::Sent, at, &text)
            }
            ProxyEvent::Received { connection, text } => {
                self.frames += 1;
                transcript.frame(&har::connection_name(connection), Direction::Received, at, &text)
            }
            ProxyEvent::ClientClosed { connection } => {
                transcript.closed(&har::connection_name(connection), Direction::Sent, None)
            }
            ProxyEvent::GatewayClosed { connection, code } => {
                transcript.closed(&har::connection_name(connection), Direction::Received, code)
            }
            ProxyEvent::Failed { connection, why } => {
                eprintln!("\rconnection {}: {}", connection + 1, escaped(&why.to_string()));
                return;
            }
        };
        if let Err(error) = self.file.write_all(step.as_bytes()) {
            self.failed.get_or_insert(error);
        }
        if is_terminal {
            eprint!("\r{} frames", self.frames);
        }
    }

    fn finish(&mut self, name: &str) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error).with_context(|| format!("{name} is incomplete"));
        }
        eprintln!("\r{} frames recorded to {name}", self.frames);
        Ok(())
    }
}
