//! Tests of the command log: trims, restarts after a trim, appends with unknown outcome.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate::gateway::{StartError, Started, startup};
use tollgate::platform::Clock;
use tollgate::realm::{Command, EntryId, Millis, NewUser, Outcome, Realm, Refusal, SEEN_MS};
use tollgate::replication::{
    AppendError, AppendFuture, CommandLog, Entry, LogError, LogEvent, MemoryLog, Replica,
    TrimFuture, open_log,
};
use tollgate::settings::Settings;
use tollgate::storage::{RowStore, Seq, StoreError};

use crate::harness::realm::user;

fn entry(number: u64) -> Arc<Entry> {
    let (id, command) = (EntryId(number.into()), Command::Sweep);
    Arc::new(Entry { id, at: number, command, origin: None })
}

fn open(dir: &Path) -> (RowStore, tollgate::replication::SledLog) {
    let store = RowStore::open(dir, 8, 0).unwrap();
    let log = open_log(&store).unwrap();
    (store, log)
}

fn numbers(log: &dyn CommandLog, after: Seq, count: usize) -> Vec<Seq> {
    let numbers = |followed| match followed {
        LogEvent::Entries(first, entries, _) => {
            let last = first + entries.len() as Seq;
            assert!((first..last).eq(entries.iter().map(|entry| entry.at)));
            first..last
        }
        other => panic!("{other:?}"),
    };
    log.follow(after).unwrap().flat_map(numbers).take(count).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_log_begins_after_the_trimmed_entries() {
    let home = tempfile::tempdir().unwrap();
    let (store, log) = open(home.path());
    let live = log.follow(0).unwrap();
    let follower = std::thread::spawn(move || live.for_each(drop));
    for number in 1..=1_200 {
        assert_eq!(log.append(entry(number)).await.unwrap(), number);
    }
    // A call of `trim` removes at most 512 entries. It stops at entries that are too young and at
    // entries that the rows do not reflect.
    assert_eq!(log.trim(1_000, 1_001).await, Ok(512));
    assert_eq!(log.trim(1_000, 700).await, Ok(699));
    assert_eq!(log.trim(1_000, 700).await, Ok(699));
    assert_eq!(log.trim(1_000, 5_000).await, Ok(1_000));
    log.close();
    follower.join().unwrap();
    store.save(1_000, &BTreeMap::new(), 0).unwrap();
    drop((log, store));

    let (store, log) = open(home.path());
    assert_eq!((log.first(), log.last()), (1_001, 1_200));
    assert_eq!(numbers(&log, 1_000, 200), (1_001..=1_200).collect::<Vec<_>>());
    assert_eq!(log.append(entry(1_201)).await.unwrap(), 1_201);
    log.close();
    drop((log, store));

    // Rows that reflect the entries up to N cannot be updated if the log no longer has entry N + 1.
    let (store, log) = open(home.path());
    assert!(matches!(log.follow(998).unwrap().next(), Some(LogEvent::Gap(1_001))));
    store.save(900, &BTreeMap::new(), 0).unwrap();
    log.close();
    drop((log, store));
    let store = RowStore::open(home.path(), 8, 0).unwrap();
    assert!(matches!(open_log(&store), Err(StoreError::Damaged(_))));
}

/// sled holds the lock of its file until its last thread has ended, shortly after the drop.
#[test]
fn a_store_can_be_reopened_at_once() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..50 {
        drop(open(home.path()));
    }
    let (_store, _log) = open(home.path());
    let locked = RowStore::open(home.path(), 8, 0);
    assert!(matches!(locked, Err(StoreError::Locked)), "an open store was opened twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completely_trimmed_log_accepts_entries() {
    let home = tempfile::tempdir().unwrap();
    let (store, log) = open(home.path());
    let live = log.follow(0).unwrap();
    let follower = std::thread::spawn(move || live.for_each(drop));
    for number in 1..=3 {
        log.append(entry(number)).await.unwrap();
    }
    assert_eq!(log.trim(3, 9).await, Ok(3));
    store.save(3, &BTreeMap::new(), 0).unwrap();
    log.close();
    follower.join().unwrap();
    drop((log, store));
    let (_store, log) = open(home.path());
    drop(log.follow(3).unwrap());
    assert_eq!((log.first(), log.last()), (4, 3));
    assert_eq!(log.append(entry(4)).await.unwrap(), 4);
}

fn start(dir: &Path) -> Result<Started, StartError> {
    startup::start(&Settings::default(), dir, Clock::system())
}

fn add(name: &str) -> Command {
    let name = user(name);
    let new = NewUser::named(name);
    Command::AddUsers(vec![new])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_needs_no_trimmed_entry() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_000_000);
    let opened = startup::start(&Settings::default(), home.path(), clock.clone()).unwrap();
    opened.prepare(&Settings::default(), None).await.unwrap();
    for number in 0..40 {
        let added = opened.replica.submit(add(&format!("u{number}"))).await.unwrap();
        assert_eq!(added, Outcome::Done);
    }
    let last = opened.replica.read(|_, seq| seq);
    clock.advance(SEEN_MS + 1);
    opened.replica.submit(add("later")).await.unwrap();
    // An entry stays in the log until the rows reflect it and no repetition of its id is expected.
    while opened.replica.trim(Millis::MAX).await != Ok(last) {
        tokio::task::yield_now().await;
    }
    // Each command deletes up to 8 old entry ids, so the loop deletes those of all trimmed entries.
    for number in 0..8 {
        opened.replica.submit(add(&format!("after{number}"))).await.unwrap();
    }
    let before = opened.replica.read(|realm, _| realm.clone());
    opened.close();
    let opened = start(home.path()).unwrap();
    assert!(opened.replica.read(|realm, _| *realm == before));
    assert!(opened.replica.read(|realm, _| realm.user_by_name(&user("after7")).is_some()));
    opened.close();
}

/// A log whose first [`UNSURE`] appends have an unknown outcome: the first was lost, the others
/// were stored.
struct Unsure {
    log: MemoryLog,
    unsure: AtomicUsize,
}

impl CommandLog for Unsure {
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_> {
        let unsure = self
            .unsure
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        let unknown = || AppendError::Unknown("no answer".to_owned());
        match unsure {
            Ok(UNSURE) => Box::pin(async move { Err(unknown()) }),
            Ok(_) => {
                let stored = self.log.append(entry);
                Box::pin(async move { stored.await.and(Err(unknown())) })
            }
            Err(_) => self.log.append(entry),
        }
    }

    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = LogEvent> + Send>, LogError> {
        self.log.follow(after)
    }

    fn trim(&self, upto: Seq, before: Millis) -> TrimFuture<'_> {
        self.log.trim(upto, before)
    }

    fn close(&self) {
        self.log.close();
    }

    fn stop_accepting(&self, why: &str) {
        self.log.stop_accepting(why);
    }
    fn write_error(&self) -> Option<String> {
        None
    }
}

/// The number of appends with unknown outcome.
const UNSURE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn an_append_with_unknown_outcome_is_repeated_and_applied_once() {
    let log = Arc::new(Unsure { log: MemoryLog::default(), unsure: AtomicUsize::new(UNSURE) });
    let replica = Arc::new(Replica::new(Realm::default(), 0, log, None, Clock::system()));
    let running = replica.clone();
    let thread = std::thread::spawn(move || running.run());
    assert_eq!(replica.submit(add("JaneDee")).await.unwrap(), Outcome::Done);
    let again = replica.submit(add("JaneDee")).await.unwrap();
    assert!(matches!(again, Outcome::Refused(Refusal::Duplicate(..))), "{again:?}");
    // The log has both commands, and a copy for each repetition that was stored.
    let entries = replica.read(|_, seq| seq);
    assert!((2..=4).contains(&entries), "{entries}");
    let named = replica.read(|realm, _| realm.users_after(None).count());
    assert_eq!(named, 1);
    replica.close();
    thread.join().unwrap();
}
