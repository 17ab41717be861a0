//! The hash threads: few, with low priority, fed by a queue with bounded waiting time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::error::HashUnavailable;
use super::fair_queue::{FairQueue, QueuedJob};
use crate::platform::{ClientNetwork, Stopwatch, random, stopwatch};

/// Minimum time after which a refused client is advised to try again, before jitter.
const RETRY_MIN_MS: u64 = 1_000;
/// Maximum time after which a refused client is advised to try again, before jitter.
const RETRY_MAX_MS: u64 = 60_000;
/// Weight of the newest hash in the moving average of the duration.
const NEWEST_SHARE: f64 = 0.125;
/// Added to the nice value of a hash thread.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The computation of one hash.
type HashJob = Box<dyn FnOnce() + Send>;

/// Threads that run jobs, fairly by client network. Dropping the pool ends each thread after its
/// current job.
pub struct HashPool {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    wait_max_secs: f64,
    watch: Stopwatch,
}

struct State {
    queue: FairQueue<HashJob>,
    hash_duration: HashDuration,
    open: bool,
}

/// Seconds that one hash takes: estimated, or the moving average of measured durations.
#[derive(Debug, Clone, Copy)]
enum HashDuration {
    Estimated(f64),
    Mean(f64),
}

impl HashDuration {
    fn secs(self) -> f64 {
        match self {
            Self::Estimated(secs) | Self::Mean(secs) => secs,
        }
    }

    fn updated(self, secs: f64) -> Self {
        match self {
            Self::Estimated(_) => Self::Mean(secs),
            Self::Mean(mean) => Self::Mean(mean + (secs - mean) * NEWEST_SHARE),
        }
    }
}

/// The queue slot of a waiting caller. Dropping the slot removes the job from the queue.
struct QueueSlot<'a> {
    shared: &'a Shared,
    network: ClientNetwork,
    id: u64,
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.queue.remove(self.network, self.id);
        record_queue_length(&state.queue);
    }
}

/// Returns the number of threads to start; 0 means one less than the number of cores, at least one.
pub fn thread_count(threads: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, |cores| cores.get());
    if threads == 0 { (cores() - 1).max(1) } else { threads }
}

impl HashPool {
    /// Starts `threads` threads (0: one less than the number of cores, at least one) for hashes
    /// that take about `estimate_secs`. A job that would wait more than `wait_max_ms` is refused.
    pub fn start(threads: usize, wait_max_ms: u64, estimate_secs: f64) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: FairQueue::default(),
                hash_duration: HashDuration::Estimated(estimate_secs),
                open: true,
            }),
            wake: Condvar::new(),
            wait_max_secs: wait_max_ms as f64 / 1_000.0,
            watch: stopwatch(),
        });
        let thread_target = thread_count(threads);
        let started = |number: &usize| {
            let shared = shared.clone();
            let hash = thread::Builder::new().name(format!("hash-{number}"));
            let spawned = hash.spawn(move || shared.run_jobs());
            let text = "starting a password hash thread failed; passwords are hashed more slowly";
            spawned.inspect_err(|error| tracing::error!(%error, "{text}")).is_ok()
        };
        let threads = (0..thread_target).filter(started).count();
        Self { shared, threads }
    }

    /// Returns the number of waiting jobs.
    pub fn waiting(&self) -> usize {
        self.shared.state.lock().queue.len()
    }

    /// Runs `job`, which computes one hash, on one of the threads. If the future is dropped
    /// before the job starts, the job does not run. Fails with [`HashUnavailable`] if the job would
    /// have to wait too long, has waited too long or panics, or if no thread could be started.
    pub async fn submit<T: Send + 'static>(
        &self,
        network: ClientNetwork,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashUnavailable> {
        let (sender, answer) = oneshot::channel();
        let job: HashJob = Box::new(move || {
            // Sending fails if the caller dropped the future while the job ran: the result is not
            // needed then.
            let _ = sender.send(job());
        });
        let _slot = self.enqueue(network, job)?;
        answer.await.map_err(|_| unavailable(0.0))
    }

    fn enqueue(
        &self,
        network: ClientNetwork,
        job: HashJob,
    ) -> Result<QueueSlot<'_>, HashUnavailable> {
        let mut state = self.shared.state.lock();
        let wait_secs = state.queue.jobs_ahead(network) as f64 * state.hash_duration.secs()
            / self.threads as f64;
        let over_secs = wait_secs - self.shared.wait_max_secs;
        if self.threads == 0 || over_secs > 0.0 {
            return Err(unavailable(over_secs));
        }
        let id = state.queue.push(network, self.shared.watch.elapsed_secs(), job);
        record_queue_length(&state.queue);
        drop(state);
        self.shared.wake.notify_one();
        Ok(QueueSlot { shared: &self.shared, network, id })
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.shared.state.lock().open = false;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn run_jobs(&self) {
        lower_priority();
        while let Some(queued) = self.next() {
            let watch = stopwatch();
            let wait_secs = self.watch.elapsed_secs() - queued.since_secs;
            metrics::histogram!("tollgate_password_hash_wait_seconds").record(wait_secs);
            // A panic in a job must not end the thread. The caller sees a closed channel.
            let _ = catch_unwind(AssertUnwindSafe(queued.job));
            let hash_secs = watch.elapsed_secs();
            metrics::histogram!("tollgate_password_hash_duration_seconds").record(hash_secs);
            let mut state = self.state.lock();
            state.hash_duration = state.hash_duration.updated(hash_secs);
        }
    }

    /// Waits for the next job; `None` if the pool was dropped.
    fn next(&self) -> Option<QueuedJob<HashJob>> {
        let mut state = self.state.lock();
        while state.open {
            // A job may wait longer than estimated, because jobs of other networks were queued
            // meanwhile. Two hash durations are tolerated, for the running job and for variance.
            // Jobs that waited even longer are refused now instead of being run.
            let wait_limit_secs = self.wait_max_secs + 2.0 * state.hash_duration.secs();
            let late = state.queue.expire(self.watch.elapsed_secs() - wait_limit_secs);
            let next = state.queue.pop();
            record_queue_length(&state.queue);
            if next.is_some() {
                return next;
            }
            if late.is_empty() {
                self.wake.wait(&mut state);
            }
        }
        None
    }
}

fn record_queue_length(queue: &FairQueue<HashJob>) {
    metrics::gauge!("tollgate_password_hash_queue_length").set(queue.len() as f64);
}

/// Returns the error with a random retry time, so that refused clients do not return together.
fn unavailable(over_secs: f64) -> HashUnavailable {
    let least_ms = ((over_secs * 1_000.0) as u64).clamp(RETRY_MIN_MS, RETRY_MAX_MS);
    HashUnavailable { retry_after_ms: least_ms + random::jitter(least_ms) }
}

/// Lowers the priority of the calling thread, so that heartbeats are served first. Only Linux has a
/// priority for each thread. If the priority cannot be lowered, the thread keeps it.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc;

    use tokio::task::JoinHandle;

    use super::*;

    /// A pool with one thread, which a first job blocks until [`Scene::release`].
    struct Scene {
        pool: Arc<HashPool>,
        gate: mpsc::Sender<()>,
        done: Arc<Mutex<Vec<String>>>,
        jobs: Vec<JobHandle>,
    }

    impl Scene {
        async fn new(wait_max_ms: u64, guess_secs: f64) -> Self {
            let pool = Arc::new(HashPool::start(1, wait_max_ms, guess_secs));
            let (gate, begun, job) = hold(&pool);
            begun.await.unwrap();
            Self { pool, gate, done: Arc::default(), jobs: vec![job] }
        }

        /// Submits a job and returns whether it was admitted.
        async fn submit(&mut self, last: u8, name: &str) -> bool {
            let (pool, done, name) = (self.pool.clone(), self.done.clone(), name.to_owned());
            let (before, job) = (self.pool.waiting(), move || done.lock().push(name));
            let job = tokio::spawn(async move { pool.submit(network(last), job).await });
            while self.pool.waiting() == before && !job.is_finished() {
                tokio::task::yield_now().await;
            }
            let admitted = !job.is_finished();
            self.jobs.push(job);
            admitted
        }

        /// Unblocks the thread and waits for all results.
        async fn release(&mut self) -> Vec<Result<(), HashUnavailable>> {
            self.gate.send(()).unwrap();
            let mut answers = Vec::new();
            for job in self.jobs.drain(..) {
                if let Ok(answer) = job.await {
                    answers.push(answer);
                }
            }
            answers
        }
    }

    type JobHandle = JoinHandle<Result<(), HashUnavailable>>;

    /// Submits a job that blocks its thread until the returned sender sends a value. The returned
    /// receiver gets a value when the job begins.
    fn hold(pool: &Arc<HashPool>) -> (mpsc::Sender<()>, oneshot::Receiver<()>, JobHandle) {
        let (gate, closed) = mpsc::channel();
        let (sender, begun) = oneshot::channel();
        let job = move || {
            sender.send(()).unwrap();
            closed.recv().unwrap();
        };
        let pool = pool.clone();
        let job = tokio::spawn(async move { pool.submit(network(0), job).await });
        (gate, begun, job)
    }

    fn network(last: u8) -> ClientNetwork {
        IpAddr::from([127, 0, 0, last]).into()
    }

    #[tokio::test]
    async fn a_flood_does_not_delay_others() {
        let mut scene = Scene::new(60_000, 0.001).await;
        for number in 0..200 {
            assert!(scene.submit(1, &format!("flood {number}")).await);
        }
        assert!(scene.submit(2, "honest 0").await && scene.submit(2, "honest 1").await);
        assert_eq!(scene.pool.waiting(), 202);
        assert!(scene.release().await.iter().all(Result::is_ok));
        let done = scene.done.lock();
        assert_eq!(done[..4], ["flood 0", "honest 0", "flood 1", "honest 1"]);
        assert_eq!(done.len(), 202);
    }

    #[tokio::test]
    async fn a_job_that_would_wait_too_long_is_refused_at_once() {
        let mut scene = Scene::new(3_000, 1.0).await;
        for (last, admitted) in [(1, 4), (2, 2), (3, 1)] {
            for number in 0..admitted {
                assert!(scene.submit(last, "admitted").await, "{last} {number}");
            }
            assert!(!scene.submit(last, "refused").await, "{last}");
        }
        let answers = scene.release().await;
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.err()).collect();
        assert_eq!(refused.len(), 3);
        assert!(refused.iter().all(|busy| (1_000..=8_000).contains(&busy.retry_after_ms)));
        assert!(scene.done.lock().iter().all(|name| name == "admitted"));
    }

    #[tokio::test]
    async fn abandoned_jobs_do_not_run() {
        let mut scene = Scene::new(60_000, 0.001).await;
        for number in 0..20 {
            scene.submit(number % 3, &format!("{number}")).await;
        }
        for job in &scene.jobs[2..] {
            job.abort();
        }
        while scene.pool.waiting() > 1 {
            tokio::task::yield_now().await;
        }
        scene.release().await;
        assert_eq!(*scene.done.lock(), ["0"]);
    }

    /// The first hash is short and the second long, so that the mean duration lags behind. All
    /// times are compared with each other, so a busy machine does not change the result.
    #[tokio::test]
    async fn a_job_that_waited_too_long_is_refused() {
        let first_hash = stopwatch();
        let mut scene = Scene::new(0, 60.0).await;
        let (gate, begun, second) = hold(&scene.pool);
        while scene.pool.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let second_hash = stopwatch();
        assert!(scene.release().await.iter().all(Result::is_ok));
        let first_secs = first_hash.elapsed_secs();
        begun.await.unwrap();
        assert!(scene.submit(2, "late").await);
        let waited = stopwatch();
        while waited.elapsed_secs() < 2.0 * first_secs + second_hash.elapsed_secs() / 2.0 {
            tokio::task::yield_now().await;
        }
        gate.send(()).unwrap();
        assert_eq!(second.await.unwrap(), Ok(()));
        let late = scene.jobs.pop().unwrap().await.unwrap();
        assert!(matches!(late, Err(HashUnavailable { .. })));
        assert!(scene.done.lock().is_empty());
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_own_job() {
        let pool = HashPool::start(1, 60_000, 0.001);
        assert!(pool.submit(network(1), || panic!("a deliberate panic")).await.is_err());
        assert_eq!(pool.submit(network(1), || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn threads_have_names_and_low_priority_and_end_with_the_pool() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let pool = HashPool::start(2, 60_000, 0.001);
        let before = priority();
        let name = move || (thread::current().name().map(str::to_owned), priority());
        let (name, after) = pool.submit(network(1), name).await.unwrap();
        assert!(name.unwrap().starts_with("hash-"));
        assert_eq!((after, priority()), ((before + NICE).min(19), before));

        let (threads, watch) = (Arc::downgrade(&pool.shared), stopwatch());
        drop(pool);
        while threads.strong_count() > 0 && watch.elapsed_secs() < 10.0 {
            thread::yield_now();
        }
        assert_eq!(threads.strong_count(), 0);
    }
}
