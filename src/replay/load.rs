//! Load generation: starts many clients, paces their rounds and ends the run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::measurements::{Measurements, Recorder};
use super::player::{PlayError, Player, Scenario};
use super::schedule::Schedule;
use super::transport::Transport;

/// How long a client pauses before it tries again: after a failure of the steps before `* repeat`,
/// and after a round that timed out or lost its connection.
const RETRY: Duration = Duration::from_secs(1);
/// How long a run may continue after its duration has passed, to finish the current rounds and the
/// steps after `* end`.
const GRACE: Duration = Duration::from_secs(10);

/// The rate and duration of a run.
#[derive(Debug, Clone)]
pub struct LoadProfile {
    /// Rounds per second of all paced clients together; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Time over which the clients start.
    pub ramp: Duration,
    /// Time after which no more rounds start; `None` if only `rounds` limits them.
    pub duration: Option<Duration>,
    /// Rounds of each client. If `None`, a client plays as many rounds as the duration allows, or
    /// one round if `duration` is `None`.
    pub rounds: Option<u64>,
}

/// The clients that play one script.
pub struct ScenarioClients<T> {
    /// The scenario that they play.
    pub scenario: Arc<Scenario<T>>,
    /// Number of clients.
    pub clients: usize,
    /// Whether their rounds follow the rate; otherwise they play in a closed loop.
    pub paced: bool,
}

/// Runs the clients of all groups. Ends when all clients have finished, when `stop` becomes true,
/// or when `GRACE` has passed after the duration.
pub async fn run<T: Transport>(
    groups: &[ScenarioClients<T>],
    profile: &LoadProfile,
    measurements: &Arc<Measurements>,
    mut stop: watch::Receiver<bool>,
) {
    let mut clients = JoinSet::new();
    let all: usize = groups.iter().map(|group| group.clients).sum();
    let paced: usize = groups.iter().filter(|group| group.paced).map(|group| group.clients).sum();
    let (mut number, mut paced_number) = (0, 0);
    for group in groups {
        for client in 0..group.clients {
            let recorder = Recorder { measurements: measurements.clone(), client };
            let rate = profile.rate.filter(|_| group.paced);
            let LoadProfile { duration, rounds, .. } = *profile;
            let schedule = Schedule::new(rate, paced_number, paced, duration, rounds);
            let begin = profile.ramp.mul_f64(number as f64 / all.max(1) as f64);
            clients.spawn(run_client(group.scenario.clone(), recorder, schedule, begin));
            number += 1;
            paced_number += usize::from(group.paced);
        }
    }
    let through = async { while clients.join_next().await.is_some() {} };
    let stopped = async {
        // If the sender is dropped, the run cannot be stopped any more.
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let late = async {
        match profile.duration {
            Some(duration) => {
                tokio::time::sleep(duration + GRACE).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! { () = through => {}, () = stopped => {}, () = late => {} }
}

/// Runs one client from its first step to its last.
async fn run_client<T: Transport>(
    scenario: Arc<Scenario<T>>,
    recorder: Recorder,
    mut schedule: Schedule,
    begin: Duration,
) {
    tokio::time::sleep(begin).await;
    let mut player = Player::new(&scenario, recorder.clone());
    let parts = scenario.script.parts();
    let (mut ready, mut round) = (false, 0);
    loop {
        while !ready {
            ready = player.play(parts.before).await.is_ok();
            if !ready {
                player.reset();
                if schedule.has_ended(recorder.measurements.now()) {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
        let Some(due) = schedule.next(recorder.measurements.now()) else { break };
        let early = due.at.saturating_sub(recorder.measurements.now());
        if !early.is_zero() {
            player.rest(early).await;
        }
        player.begin(round, schedule.lateness(due, recorder.measurements.now()));
        round += 1;
        let played = player.play(parts.round).await;
        ready = played.is_ok() && !parts.whole;
        if !ready {
            player.reset();
        }
        if let Err(PlayError::Lost | PlayError::Timeout) = played {
            tokio::time::sleep(RETRY).await;
        }
    }
    if ready {
        // An error in the last steps has already been counted by the player.
        let _ = player.play(parts.after).await;
    }
    recorder.count(|counts| counts.missed += schedule.missed());
}
