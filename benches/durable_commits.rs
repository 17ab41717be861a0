//! Benchmark of durable commands per second and their latency for 64 writers, compared with redb.
//!
//! Rows for redb are grouped into commits, as the gateway groups commands.
//! `cargo bench --bench durable_commits` measures both alternately.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic if its setup fails")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use protocol::UserName;
use tollgate::gateway::startup;
use tollgate::platform::{Clock, stopwatch};
use tollgate::realm::{Actor, Amendment, Command, NewUser, Outcome, UserSpec};
use tollgate::settings::Settings;

/// The allocator that the gateway uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WRITERS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

/// The results of one round.
struct Measured {
    per_sec: f64,
    p50_us: u64,
    p99_us: u64,
}

/// The acknowledged changes of a round (commands, or rows of redb) and their latencies.
#[derive(Default)]
struct Watch {
    done: AtomicU64,
    over: AtomicBool,
    waits: Mutex<Vec<Histogram<u64>>>,
}

impl Watch {
    fn measured(&self, secs: f64) -> Measured {
        let mut all = Histogram::new(3).unwrap();
        self.waits.lock().iter().for_each(|it: &Histogram<u64>| all.add(it).unwrap());
        let (p50_us, p99_us) = (all.value_at_quantile(0.5), all.value_at_quantile(0.99));
        Measured { per_sec: self.done.load(Ordering::Relaxed) as f64 / secs, p50_us, p99_us }
    }
}

fn name(writer: usize) -> UserName {
    UserName::parse(&format!("u{writer}")).unwrap()
}

/// Measures the gateway: each writer amends its own user in a loop and waits for each outcome.
fn gateway(dir: &Path) -> Measured {
    let settings = Settings::parse("", std::iter::empty()).unwrap();
    let started = startup::start(&settings, dir, Clock::system()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let users = (0..WRITERS).map(|writer| NewUser::named(name(writer))).collect();
    runtime.block_on(started.replica.submit(Command::AddUsers(users))).unwrap();
    let (watch, time) = (Arc::new(Watch::default()), stopwatch());
    runtime.block_on(async {
        let writer = |writer: usize| {
            let (watch, replica) = (watch.clone(), started.replica.clone());
            tokio::spawn(async move {
                let (mut waits, mut number) = (Histogram::<u64>::new(3).unwrap(), 0);
                while !watch.over.load(Ordering::Relaxed) {
                    number += 1;
                    let spec = UserSpec {
                        name: Some(name(writer)),
                        attributes: vec![(0, Some(format!("Jane {number}").into()))],
                        ..UserSpec::default()
                    };
                    let amend = Command::AmendUser(Actor::Operator, Amendment::Record, spec);
                    let wait = stopwatch();
                    let outcome = replica.submit(amend).await.unwrap();
                    assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
                    waits.record((wait.elapsed_secs() * 1e6) as u64).unwrap();
                    watch.done.fetch_add(1, Ordering::Relaxed);
                }
                watch.waits.lock().push(waits);
            })
        };
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        tokio::time::sleep(ROUND).await;
        watch.over.store(true, Ordering::Relaxed);
        futures_util::future::join_all(writers).await;
    });
    let measured = watch.measured(time.elapsed_secs());
    started.close();
    measured
}

const ROWS: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("rows");

/// Measures redb: each writer submits rows of 300 bytes, and one thread commits all queued rows at
/// once.
fn redb(dir: &Path) -> Measured {
    type Job = ([u8; 24], mpsc::SyncSender<()>);
    let store = redb::Database::create(dir.join("redb")).unwrap();
    let (sender, jobs) = mpsc::channel::<Job>();
    let (watch, time) = (Watch::default(), stopwatch());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (watch, sender) = (&watch, sender.clone());
            scope.spawn(move || {
                let (mut waits, mut number) = (Histogram::<u64>::new(3).unwrap(), 0_u64);
                while !watch.over.load(Ordering::Relaxed) {
                    number += 1;
                    let mut key = [b'u'; 24];
                    key[..8].copy_from_slice(&(writer as u64).to_be_bytes());
                    key[8..16].copy_from_slice(&number.to_be_bytes());
                    let wait = stopwatch();
                    let (done, is_done) = mpsc::sync_channel(1);
                    sender.send((key, done)).unwrap();
                    is_done.recv().unwrap();
                    waits.record((wait.elapsed_secs() * 1e6) as u64).unwrap();
                    watch.done.fetch_add(1, Ordering::Relaxed);
                }
                watch.waits.lock().push(waits);
            });
        }
        drop(sender);
        let watch = &watch;
        scope.spawn(move || {
            std::thread::sleep(ROUND);
            watch.over.store(true, Ordering::Relaxed);
        });
        while let Ok(first) = jobs.recv() {
            let group: Vec<_> = std::iter::once(first).chain(jobs.try_iter()).collect();
            let write = store.begin_write().unwrap();
            let mut rows = write.open_table(ROWS).unwrap();
            for (key, _) in &group {
                rows.insert(&key[..], &[b'x'; 300][..]).unwrap();
            }
            drop(rows);
            write.commit().unwrap();
            // For each row exactly one writer waits.
            group.iter().for_each(|(_, done)| done.send(()).unwrap());
        }
    });
    watch.measured(time.elapsed_secs())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // The stores are next to the binary: the system folder for temporary files may be in memory.
    let exe = std::env::current_exe().unwrap();
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let dir = || tempfile::tempdir_in(exe.parent().unwrap()).unwrap();
        let (ours, theirs) = (gateway(dir().path()), redb(dir().path()));
        for (store, it) in [("tollgate", &ours), ("redb", &theirs)] {
            println!(
                "{store:<10} {:>7.0} durable changes/s   p50 {:>6} us   p99 {:>6} us",
                it.per_sec, it.p50_us, it.p99_us
            );
        }
        ratios.push((ours.per_sec / theirs.per_sec, ours.p50_us as f64 / theirs.p50_us as f64));
    }
    println!(
        "tollgate / redb, medians: changes/s {:.2}, p50 {:.2}",
        median(ratios.iter().map(|it| it.0).collect()),
        median(ratios.iter().map(|it| it.1).collect())
    );
}
