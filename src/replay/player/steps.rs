//! Player of one script for one client: sends messages and waits for expected frames.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use protocol::script::{Action, Mismatch, Script, ScriptState, Step, Times};
use serde_json::Value;

use crate::platform::random;
use crate::replay::connection::ClientConnection;
use crate::replay::external_values::ExternalValues;
use crate::replay::measurements::Recorder;
use crate::replay::transport::{ConnectionIo, Transport};
use crate::replay::variables::Variables;

/// How a script is played.
#[derive(Debug, Clone)]
pub struct PlayOptions {
    /// Compare every frame that the script expects.
    pub verify: bool,
    /// Factor by which pauses are shortened; 0 skips them.
    pub time_factor: f64,
    /// Timeout for connecting, for each expected frame and for each external value.
    pub answer_timeout: Duration,
    /// The directory to which the gateway writes mails; `None` if the script reads no mails.
    pub mail_folder: Option<PathBuf>,
}

/// A script with everything that its clients share.
pub struct Scenario<T> {
    /// The name of the script in reports.
    pub name: String,
    /// The script.
    pub script: Arc<Script>,
    /// The values of its clients.
    pub values: Variables,
    /// Opens connections to the gateway.
    pub transport: Arc<T>,
    /// How the script is played.
    pub options: PlayOptions,
}

/// Why a client did not complete its steps.
#[derive(Debug)]
pub(in crate::replay) enum PlayError {
    /// The conversation differs from the script at this line: a variable has no value, or (only
    /// with `verify`) another frame, no frame or a close was received.
    Differs(usize, Mismatch),
    /// The gateway refused a message that the script needs.
    Refused,
    /// The connection was lost, or could not be opened.
    Lost,
    /// The expected frame was not received before the timeout. Only without `verify`.
    Timeout,
}

/// One client.
pub(in crate::replay) struct Player<'a, T: Transport> {
    pub(super) scenario: &'a Scenario<T>,
    pub(super) recorder: Recorder,
    pub(super) connections: BTreeMap<String, ClientConnection<T::Connection>>,
    pub(super) state: ScriptState,
    external: ExternalValues,
    /// How late this round began.
    late: Duration,
}

type StepsFuture<'b> = Pin<Box<dyn Future<Output = Result<(), PlayError>> + Send + 'b>>;

impl<'a, T: Transport> Player<'a, T> {
    pub(in crate::replay) fn new(scenario: &'a Scenario<T>, recorder: Recorder) -> Self {
        let mut state = ScriptState::new(scenario.script.volatile.clone().into());
        scenario.values.assign(&mut state, recorder.client);
        let (connections, external, late) =
            (BTreeMap::new(), ExternalValues::default(), Duration::ZERO);
        Self { scenario, recorder, connections, state, external, late }
    }

    /// Starts a round, `late` after its scheduled start.
    pub(in crate::replay) fn begin(&mut self, round: u64, late: Duration) {
        self.state.set("round", round);
        self.late = late;
        self.recorder.count(|counts| counts.rounds += 1);
    }

    /// Closes all connections and discards the captured values.
    pub(in crate::replay) fn reset(&mut self) {
        for connection in self.connections.values_mut() {
            self.recorder.unanswered(&connection.take_unanswered());
        }
        *self = Self::new(self.scenario, self.recorder.clone());
    }

    /// Plays steps, and counts the error that ends them.
    pub(in crate::replay) async fn play(&mut self, steps: &[Step]) -> Result<(), PlayError> {
        let played = self.steps(steps).await;
        match &played {
            Ok(()) => {}
            Err(stop) => {
                self.recorder.count(|counts| counts.broken += 1);
                if let PlayError::Differs(line, what) = stop {
                    self.differs(*line, what.clone());
                }
                if let PlayError::Lost = stop {
                    self.recorder.failed(|counts| counts.lost += 1);
                }
            }
        }
        played
    }

    pub(super) fn differs(&self, line: usize, what: Mismatch) {
        self.recorder.measurements.differences.lock().add(&self.scenario.name, line, what);
    }

    /// Waits, and receives frames meanwhile.
    pub(in crate::replay) async fn rest(&mut self, time: Duration) {
        self.wait(time, |_| None::<()>).await;
    }

    fn steps<'b>(&'b mut self, steps: &'b [Step]) -> StepsFuture<'b> {
        Box::pin(async move {
            for step in steps {
                self.step(step).await?;
            }
            Ok(())
        })
    }

    async fn step(&mut self, step: &Step) -> Result<(), PlayError> {
        match &step.action {
            Action::Wait(least, most) => self.pause(*least, *most).await,
            Action::Ask(name, words) => self.resolve_value(step.line, name, words).await?,
            Action::Repeat(times, steps) => self.repeat(*times, steps).await?,
            Action::Choose(choices) => self.choose(choices).await?,
            Action::Close => drop(self.connections.remove(&step.connection)),
            _ => {
                self.open(&step.connection).await?;
                self.run_step(step).await?;
            }
        }
        Ok(())
    }

    async fn pause(&mut self, least: Duration, most: Duration) {
        let time_factor = self.scenario.options.time_factor;
        if time_factor > 0.0 {
            let spread = u64::try_from((most - least).as_millis()).unwrap_or(u64::MAX);
            let time = least + Duration::from_millis(random::jitter(spread));
            self.rest(time.div_f64(time_factor)).await;
        }
    }

    async fn resolve_value(
        &mut self,
        line: usize,
        name: &str,
        words: &[String],
    ) -> Result<(), PlayError> {
        let unknown = |path: String, received: String| {
            let expected = "a value".to_owned();
            PlayError::Differs(line, Mismatch { path, expected, received })
        };
        let mut arguments = Vec::new();
        for word in words {
            let value = word.strip_prefix('$').map(|name| self.state.get(name));
            arguments.push(match value {
                None => word.clone(),
                Some(Some(Value::String(text))) => text.clone(),
                Some(_) => return Err(unknown(word.clone(), "no value".to_owned())),
            });
        }
        let PlayOptions { mail_folder, answer_timeout, .. } = &self.scenario.options;
        let resolving = self.external.resolve(mail_folder.as_deref(), &arguments);
        let value = tokio::time::timeout(*answer_timeout, resolving).await;
        let value = value.unwrap_or_else(|_| Err("no value before the timeout".to_owned()));
        let value =
            value.map_err(|error| unknown(format!("${name}"), format!("none ({error})")))?;
        self.state.set(name, value);
        Ok(())
    }

    async fn repeat(&mut self, times: Times, steps: &[Step]) -> Result<(), PlayError> {
        let began = self.recorder.measurements.now();
        let mut round = 0;
        loop {
            let more = match times {
                Times::Count(count) => round < count,
                Times::For(time) => self.recorder.measurements.now() < began + time,
                // `load` itself repeats the steps of an endless repetition, which is never inside
                // another block. This case is therefore not reached.
                Times::Endless => round < 1,
            };
            if !more {
                return Ok(());
            }
            self.steps(steps).await?;
            round += 1;
        }
    }

    async fn choose(&mut self, choices: &[(u32, Vec<Step>)]) -> Result<(), PlayError> {
        let all: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut random = random::jitter(all.saturating_sub(1));
        for (weight, steps) in choices {
            match random.checked_sub(u64::from(*weight)) {
                Some(rest) => random = rest,
                None => return self.steps(steps).await,
            }
        }
        Ok(())
    }

    async fn open(&mut self, name: &str) -> Result<(), PlayError> {
        if self.connections.contains_key(name) {
            return Ok(());
        }
        let began = self.recorder.measurements.now();
        let opening = self.scenario.transport.open(self.recorder.client);
        let opened = tokio::time::timeout(self.scenario.options.answer_timeout, opening).await;
        let Ok(Ok(io)) = opened else {
            self.recorder.failed(|counts| counts.unopened += 1);
            if let (Ok(Err(error)), true) = (opened, self.scenario.options.verify) {
                let (path, received) = (String::new(), format!("none ({error})"));
                let expected = "a connection".to_owned();
                self.differs(0, Mismatch { path, expected, received });
            }
            return Err(PlayError::Lost);
        };
        self.recorder.opened(self.recorder.measurements.now().saturating_sub(began));
        self.connections.insert(name.to_owned(), ClientConnection::new(io));
        Ok(())
    }

    /// Plays a step on an open connection.
    async fn run_step(&mut self, step: &Step) -> Result<(), PlayError> {
        let Some(connection) = self.connections.get_mut(&step.connection) else {
            return Err(PlayError::Lost);
        };
        if let Action::Send(body) | Action::Cause(body) = &step.action {
            return self.send_message(step, body).await;
        }
        if connection.unsupported || !can_receive(&connection.io, &step.action) {
            return Ok(());
        }
        match &step.action {
            Action::Text(text) => {
                connection.io.send(text.clone()).await.map_err(|_| PlayError::Lost)
            }
            Action::Binary(bytes) => {
                connection.io.send_binary(bytes.clone()).await.map_err(|_| PlayError::Lost)
            }
            Action::Quiet(time) => self.quiet(step, *time).await,
            Action::Closed(code) => self.closed(step, *code).await,
            Action::Expect(pattern) | Action::Reply(pattern) | Action::Seek(pattern) => {
                if self.scenario.options.verify {
                    self.compare(step, pattern).await
                } else {
                    self.follow(step, pattern).await
                }
            }
            _ => Ok(()),
        }
    }

    async fn send_message(&mut self, step: &Step, body: &Value) -> Result<(), PlayError> {
        let Some(connection) = self.connections.get_mut(&step.connection) else {
            return Err(PlayError::Lost);
        };
        let made = self.state.envelope(body);
        let mut envelope = made.map_err(|what| PlayError::Differs(step.line, what))?;
        connection.unsupported = !connection.io.can_send(&envelope);
        if connection.unsupported {
            return Ok(());
        }
        let carry = body.get("SESSION_AUTH_TOKEN").is_none();
        connection.register(
            &mut envelope,
            carry,
            (self.recorder.measurements.now(), self.late),
            &self.recorder,
        );
        if let Action::Cause(_) = step.action {
            self.recorder.caused();
        }
        connection.io.send(envelope.to_string()).await.map_err(|_| PlayError::Lost)
    }
}

/// Whether this transport can receive what a step expects.
fn can_receive(io: &impl ConnectionIo, action: &Action) -> bool {
    match action {
        Action::Closed(_) => io.can_receive(None),
        Action::Expect(pattern) | Action::Reply(pattern) | Action::Seek(pattern) => {
            // A message with LOGGED_OUT is pushed when the session ends, like SESSION_ENDED.
            let ended = pattern.get("LOGGED_OUT").is_some();
            let kind = pattern.get("MESSAGE_TYPE").and_then(Value::as_str).unwrap_or_default();
            io.can_receive(Some(if ended { "SESSION_ENDED" } else { kind }))
        }
        _ => true,
    }
}
