//! Many clients at once: who begins when, until when, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::measurements::{Measurements, Recorder};
use super::player::{PlayError, Player, Scenario};
use super::schedule::Schedule;
use super::transport::Transport;
/// A client that was cut off tries again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// What follows the endless part of a script gets this long after the end of the run.
const GRACE: Duration = Duration::from_secs(10);

/// How many clients, and for how long.
#[derive(Debug, Clone)]
pub struct LoadProfile {
    /// Rounds a second, of all clients together; none: as fast as answers come.
    pub rate: Option<f64>,
    /// Over which time clients begin.
    pub ramp: Duration,
    /// When no more rounds begin; none: after `rounds`.
    pub duration: Option<Duration>,
    /// Rounds of each client; none: as many as the duration holds, or one.
    pub rounds: Option<u64>,
}

/// Some clients that play one script.
pub struct ScenarioClients<T> {
    /// What they play.
    pub stage: Arc<Scenario<T>>,
    /// How many they are.
    pub clients: usize,
    /// Whether their rounds count towards the rate; else they have a pace of their own.
    pub paced: bool,
}

/// Plays all casts until they are through, or until `stop` says so.
pub async fn run<T: Transport>(
    casts: &[ScenarioClients<T>],
    extent: &LoadProfile,
    tally: &Arc<Measurements>,
    mut stop: watch::Receiver<bool>,
) {
    let mut clients = JoinSet::new();
    let all: usize = casts.iter().map(|cast| cast.clients).sum();
    let paced: usize = casts.iter().filter(|cast| cast.paced).map(|cast| cast.clients).sum();
    let (mut number, mut in_step) = (0, 0);
    for cast in casts {
        for client in 0..cast.clients {
            let scribe = Recorder { tally: tally.clone(), client };
            let rate = extent.rate.filter(|_| cast.paced);
            let LoadProfile { duration, rounds, .. } = *extent;
            let schedule = Schedule::new(rate, in_step, paced, duration, rounds);
            let begin = extent.ramp.mul_f64(number as f64 / all.max(1) as f64);
            clients.spawn(one(cast.stage.clone(), scribe, schedule, begin));
            number += 1;
            in_step += usize::from(cast.paced);
        }
    }
    let through = async { while clients.join_next().await.is_some() {} };
    let stopped = async {
        // Whoever could stop it is gone: it goes on.
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let late = async {
        match extent.duration {
            Some(duration) => {
                tokio::time::sleep(duration + GRACE).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! { () = through => {}, () = stopped => {}, () = late => {} }
}

/// One client from its first step to its last.
async fn one<T: Transport>(
    stage: Arc<Scenario<T>>,
    scribe: Recorder,
    mut schedule: Schedule,
    begin: Duration,
) {
    tokio::time::sleep(begin).await;
    let mut player = Player::new(&stage, scribe.clone());
    let parts = stage.script.parts();
    let (mut ready, mut round) = (false, 0);
    loop {
        while !ready {
            ready = player.play(parts.before).await.is_ok();
            if !ready {
                player.start_over();
                if schedule.is_over(scribe.tally.now()) {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
        let Some(due) = schedule.next(scribe.tally.now()) else { break };
        let early = due.at.saturating_sub(scribe.tally.now());
        if !early.is_zero() {
            player.rest(early).await;
        }
        player.begin(round, schedule.late(due, scribe.tally.now()));
        round += 1;
        let played = player.play(parts.round).await;
        ready = played.is_ok() && !parts.whole;
        if !ready {
            player.start_over();
        }
        if let Err(PlayError::Lost | PlayError::Silence) = played {
            tokio::time::sleep(RETRY).await;
        }
    }
    if ready {
        // How the last words went is counted by who plays them.
        let _ = player.play(parts.after).await;
    }
    scribe.count(|counts| counts.missed += schedule.missed());
}
