//! The loop of periodic background tasks.

use std::sync::Arc;
use std::time::Duration;

/// Runs a task repeatedly, forever. `interval` is called before each run and returns the time to
/// wait.
pub(super) async fn every<State, Task: Future<Output = ()>>(
    state: Arc<State>,
    interval: impl Fn(&State) -> Duration,
    task: impl Fn(Arc<State>) -> Task,
) {
    loop {
        tokio::time::sleep(interval(&state)).await;
        task(state.clone()).await;
    }
}

/// Runs a task at once, and then repeatedly as [`every`] does.
pub(super) async fn now_and_every<State, Task: Future<Output = ()>>(
    state: Arc<State>,
    interval: impl Fn(&State) -> Duration,
    task: impl Fn(Arc<State>) -> Task,
) {
    task(state.clone()).await;
    every(state, interval, task).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    async fn count(runs: Arc<AtomicU64>) {
        runs.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns an interval that is longer before the second run than before the first run.
    fn interval(runs: &AtomicU64) -> Duration {
        Duration::from_secs(10 * (1 + runs.load(Ordering::Relaxed)))
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_run_after_each_interval_or_at_once_too() {
        let [late, early] = [0, 0].map(|count| Arc::new(AtomicU64::new(count)));
        tokio::spawn(every(late.clone(), interval, count));
        tokio::spawn(now_and_every(early.clone(), |_| Duration::from_secs(30), count));
        for (seconds, expected) in [(9, (0, 1)), (2, (1, 1)), (18, (1, 1)), (2, (2, 2))] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let runs = (late.load(Ordering::Relaxed), early.load(Ordering::Relaxed));
            assert_eq!(runs, expected, "after {seconds} more seconds");
        }
    }
}
