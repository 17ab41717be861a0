//! The replica: a copy of the realm to which the command log is applied.
//!
//! This is the only place where entries change the realm: a command is appended, applied and
//! published, and then its caller is answered. The changed rows are saved in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::applied_seq::AppliedSeq;
use super::backup::BackupSessions;
use super::log::{AppendError, CommandLog, Entry, LogEvent};
use super::write_behind::{SaveBatch, WriteBehind};
use crate::platform::{Clock, random, stopwatch};
use crate::realm::{
    Applied, Change, Command, Ended, EntryId, Millis, Origin, Outcome, Realm, Row, SEEN_MS,
    SetPolicy,
};
use crate::sessions::SessionRegistry;
use crate::storage::{AuditTrail, RowStore, Seq, StoreError};
use crate::subscriptions::{ConnectionNotice, RowsBefore, SubscriptionHub};

/// The realm of this gateway and the last entry that it reflects.
#[derive(Debug, Default)]
struct State {
    realm: Realm,
    seq: Seq,
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The command was not stored and never takes effect.
    #[error("the command was not stored: {0}")]
    NotStored(String),
    /// The command may have been stored, so it may have taken effect or may do so later.
    #[error("the outcome is unknown: the change may have been made; check before you repeat it")]
    Unknown,
}

/// The longest wait for an outcome. Afterwards, the caller gets [`SubmitError::Unknown`].
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before an append of unknown outcome is repeated.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A caller that waits for the outcome of an entry. The caller is unregistered when this value is
/// dropped: at the outcome, or earlier if the caller stops waiting.
struct WaitingCaller<'a> {
    replica: &'a Replica,
    id: EntryId,
}

impl Drop for WaitingCaller<'_> {
    fn drop(&mut self) {
        self.replica.waiting.remove(&self.id.0);
    }
}

/// A copy of the realm to which the entries of the log are applied.
pub struct Replica {
    state: RwLock<State>,
    applied: AppliedSeq,
    log: Arc<dyn CommandLog>,
    store: Option<RowStore>,
    /// The audit trail: each change with its actor and address.
    pub audit_trail: Arc<AuditTrail>,
    write_behind: WriteBehind,
    /// The callers that wait for an outcome, by entry id.
    waiting: DashMap<u128, oneshot::Sender<Outcome>>,
    clock: Clock,
    /// The open subscriptions of this gateway.
    pub subscriptions: SubscriptionHub,
    /// The live sessions of this gateway.
    pub sessions: SessionRegistry,
    /// The backup in progress, if any.
    pub backups: BackupSessions,
}

impl Replica {
    /// Creates a replica from `realm`, which reflects the log up to `seq`. Entries are applied only
    /// once [`Replica::run`] is called.
    pub fn new(
        realm: Realm,
        seq: Seq,
        log: Arc<dyn CommandLog>,
        store: Option<RowStore>,
        clock: Clock,
    ) -> Self {
        Self {
            state: RwLock::new(State { realm, seq }),
            applied: AppliedSeq::new(seq),
            log,
            audit_trail: store.as_ref().map_or_else(
                || Arc::new(AuditTrail::in_memory()),
                |store| store.audit_trail().clone(),
            ),
            store,
            write_behind: WriteBehind::after(seq),
            waiting: DashMap::new(),
            clock,
            subscriptions: SubscriptionHub::new(seq),
            sessions: SessionRegistry::default(),
            backups: BackupSessions::default(),
        }
    }

    /// Calls `work` with the realm and the last entry that it reflects, under the read lock. The
    /// lock is released when `work` returns, so it cannot be held across an `.await`.
    pub fn read<T>(&self, work: impl FnOnce(&Realm, Seq) -> T) -> T {
        let state = self.state.read();
        work(&state.realm, state.seq)
    }

    /// Returns the time of the clock of this gateway.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Returns why changes cannot be written now; `None` if they can be.
    pub fn write_error(&self) -> Option<String> {
        self.log.write_error()
    }

    /// Submits a policy unless the realm already has it.
    pub async fn set_policy(&self, policy: SetPolicy) -> Result<(), SubmitError> {
        if self.read(|realm, _| !realm.has_policy(&policy)) {
            self.submit(Command::SetPolicy(policy)).await?;
        }
        Ok(())
    }

    /// Submits a command of the gateway itself, and waits until it is applied and published here.
    pub async fn submit(&self, command: Command) -> Result<Outcome, SubmitError> {
        self.submit_from(command, None).await
    }

    /// Submits a command for the user and client in `origin`, and waits as [`Replica::submit`]
    /// does.
    pub async fn submit_from(
        &self,
        command: Command,
        origin: Option<Origin>,
    ) -> Result<Outcome, SubmitError> {
        let id = EntryId(random::entry_id());
        let (sender, mut outcome) = oneshot::channel();
        // Registered before the append, since the entry may be applied before the append resolves.
        self.waiting.insert(id.0, sender);
        let _waiting = WaitingCaller { replica: self, id };
        let origin = origin.map(Box::new);
        let entry = Arc::new(Entry { id, at: self.clock.now(), command, origin });
        let watch = stopwatch();
        let applied = async {
            // The outcome is sent before the append is acknowledged. The outcome is polled first,
            // so that a single wake-up completes this future.
            let outcome = tokio::select! {
                biased;
                outcome = &mut outcome => outcome,
                appended = self.append(entry) => appended.map(|()| outcome)?.await,
            };
            outcome.map_err(|_| SubmitError::Unknown)
        };
        let outcome = tokio::time::timeout(OUTCOME_TIMEOUT, applied)
            .await
            .unwrap_or(Err(SubmitError::Unknown));
        metrics::histogram!("tollgate_commit_duration_seconds").record(watch.elapsed_secs());
        outcome
    }

    /// Appends the entry. If the log cannot tell whether the entry is stored, repeats the append.
    /// All copies have the same id, so the entry takes effect at most once, however many copies are
    /// stored.
    async fn append(&self, entry: Arc<Entry>) -> Result<(), SubmitError> {
        match self.log.append(entry.clone()).await {
            Ok(_) => return Ok(()),
            Err(AppendError::NotStored(why)) => return Err(SubmitError::NotStored(why)),
            Err(AppendError::Unknown(why)) => {
                tracing::warn!(
                    why,
                    "it is unknown whether a command was stored in the command log; the command \
                     is stored again and takes effect at most once"
                )
            }
        }
        loop {
            tokio::time::sleep(RETRY_DELAY).await;
            match self.log.append(entry.clone()).await {
                Ok(_) => return Ok(()),
                // This copy is not stored. Whether an earlier copy is stored remains unknown.
                Err(AppendError::NotStored(_)) => return Err(SubmitError::Unknown),
                Err(AppendError::Unknown(_)) => {}
            }
        }
    }

    /// Removes from the log the entries that were submitted before `before` and that the saved rows
    /// reflect. Returns the last entry that is no longer in the log; 0 if none was ever removed.
    ///
    /// Entries of the last [`SEEN_MS`] are kept: a restart reads from them the ids by which
    /// repeated entries are recognized.
    pub async fn trim(&self, before: Millis) -> Result<Seq, String> {
        let Some(store) = &self.store else { return Ok(0) };
        let before = before.min(self.read(|realm, _| realm.time().saturating_sub(SEEN_MS)));
        let mut trimmed = 0;
        loop {
            let last = self.log.trim(store.applied(), before).await?;
            if last == trimmed {
                return Ok(trimmed);
            }
            trimmed = last;
        }
    }

    /// Applies the entries of the log until the log is closed, and saves the changed rows on a
    /// second thread. Blocks on locks and the disk, so it needs a thread of its own.
    pub fn run(&self) {
        // A panic ends the process: without these threads the gateway would acknowledge commands
        // that it never applies or saves.
        let abort_on_panic = |work: &dyn Fn()| {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.abort_process("the thread that applies entries or saves rows panicked");
            }
        };
        std::thread::scope(|scope| {
            if let Some(store) = &self.store {
                scope.spawn(move || abort_on_panic(&|| self.save(store)));
            }
            abort_on_panic(&|| self.follow());
            self.write_behind.finish();
        });
    }

    fn follow(&self) {
        let from = self.read(|_, seq| seq);
        let events = match self.log.follow(from) {
            Ok(events) => events,
            Err(error) => {
                self.abort_process(&format!("the command log cannot be followed: {error}"))
            }
        };
        for event in events {
            match event {
                LogEvent::Entries(first, entries, _acks) => self.apply_batch(first, &entries),
                LogEvent::Gap(first) => {
                    self.abort_process(&format!("the command log lacks the entries before {first}"))
                }
                LogEvent::Unreadable(why) => {
                    self.abort_process(&format!("the command log cannot be read: {why}"))
                }
            }
        }
    }

    /// Blocks until the realm reflects the log up to `seq`. At start, no client may be served
    /// before that, because acknowledged changes would be missing.
    pub fn wait_until_applied(&self, seq: Seq) {
        self.applied.wait_until(seq);
    }

    /// Blocks until the changes of all applied entries are saved, for callers that read the store
    /// directly. Returns early if saving was abandoned.
    pub fn flush_rows(&self) {
        if self.store.is_some() {
            self.write_behind.wait_until_saved(self.read(|_, seq| seq));
        }
    }

    /// Applies entries in order and sends each caller its outcome. The log already has the entries,
    /// so a caller waits for the row store only while too many changes are unsaved.
    fn apply_batch(&self, first: Seq, entries: &[Arc<Entry>]) {
        for (seq, entry) in (first..).zip(entries) {
            let applied = self.apply_entry(seq, entry);
            if !applied.audit.is_empty() {
                self.subscriptions
                    .publish_audit(self.audit_trail.append(&applied.audit), &applied.audit);
            }
            if self.store.is_some() {
                // The audit rows are appended first, because the batch contains the number of the
                // last one.
                self.write_behind.push(seq, applied.changes, self.audit_trail.last());
            }
            let outcome = applied.outcome;
            if let Some((_, waiting)) = self.waiting.remove(&entry.id.0) {
                let lag = self.clock.now().saturating_sub(entry.at);
                metrics::histogram!("tollgate_push_lag_seconds").record(lag as f64 / 1_000.0);
                // A send error means that the caller has stopped waiting; the entry is applied
                // nevertheless.
                let _ = waiting.send(outcome);
            }
        }
    }

    /// Applies an entry to the realm, ends sessions, publishes the changes, and finally notifies
    /// the connections of the ended sessions.
    fn apply_entry(&self, seq: Seq, entry: &Entry) -> Applied {
        // Only this thread changes the realm, so the plan is still valid when it is applied,
        // although no lock is held in between.
        let applied = self.read(|realm, _| {
            realm.plan_entry(entry.id, entry.at, &entry.command, entry.origin.as_deref())
        });
        let before = self.apply_changes(seq, &applied);
        let ended = self.end_sessions(&applied);
        self.read(|realm, _| self.subscriptions.publish(realm, seq, &applied.changes, &before));
        for (live, ended) in ended {
            live.notify_all(&ConnectionNotice::Ended(ended.session, ended.reason));
        }
        applied
    }

    /// Applies the changes to the realm. Returns the affected rows of sources with subscriptions,
    /// as they were before the changes.
    ///
    /// The rows are collected and the changes are applied under one write lock. A subscription is
    /// opened and added to the index under one read lock, so it misses no change. If it is opened
    /// before the write lock, it is in the index, and the changes are published to it. If it is
    /// opened after the write lock, it reads its first rows from the changed realm.
    ///
    /// Lock order: the realm, then the locks of the subscription hub or of the backups.
    fn apply_changes(&self, seq: Seq, applied: &Applied) -> RowsBefore {
        let mut state = self.state.write();
        let before = self.subscriptions.rows_before(&state.realm, seq, &applied.changes);
        state.realm.apply_changes(&applied.changes);
        self.backups.record_changes(&applied.changes);
        state.seq = seq;
        drop(state);
        self.applied.advance_to(seq);
        before
    }

    /// Saves batches of changed rows until [`WriteBehind::finish`] is called and all changed rows
    /// are saved.
    ///
    /// If the disk fails or is full, the process continues and refuses changes until a restart: the
    /// log has all entries, and the restart applies them to the rows. Any other error means that
    /// the rows can no longer follow the log, and ends the process.
    fn save(&self, store: &RowStore) {
        while let Some(SaveBatch { seq, rows, audited, .. }) = self.write_behind.next_batch() {
            // sled panics on some disk errors.
            let save = AssertUnwindSafe(|| store.save(seq, &rows, audited));
            let failed = |_| Err(StoreError::Io(std::io::Error::other("the database panicked")));
            match catch_unwind(save).unwrap_or_else(failed) {
                Ok(()) => {}
                Err(StoreError::Io(error)) if error.kind() != std::io::ErrorKind::InvalidData => {
                    let why = format!(
                        "row changes of the log entries up to {seq} are not saved: {error}"
                    );
                    tracing::error!(why, "saving rows failed; changes are refused until a restart");
                    self.log.stop_accepting(&why);
                    self.write_behind.abandon();
                }
                Err(error) => {
                    let what = "row changes of the log entries up to";
                    self.abort_process(&format!("{what} {seq} cannot be saved: {error}"))
                }
            }
        }
        store.flush();
    }

    /// Updates the live sessions whose rows changed, marks the ended sessions, and returns the
    /// ended sessions that were live on this gateway.
    ///
    /// Must run before the changes are published: after this call, messages of an ended session are
    /// refused, and no rows are written directly to its socket. Must also run before the notices
    /// are sent, so that the session of a notified client has ended.
    fn end_sessions(&self, applied: &Applied) -> Vec<(Arc<crate::sessions::LiveSession>, Ended)> {
        for change in &applied.changes {
            if let Change::Put(Row::Session(session)) = change {
                self.sessions.update_tokens(session);
            }
        }
        let end = |ended: &Ended| Some((self.sessions.end(ended.session, ended.reason)?, *ended));
        applied.ended.iter().filter_map(end).collect()
    }

    /// Logs `why` and ends the process. A gateway that cannot keep its state must not answer:
    /// acknowledged changes could be lost.
    fn abort_process(&self, why: &str) -> ! {
        tracing::error!(why, "changes could not be applied or saved; the gateway stopped");
        if !tracing::enabled!(tracing::Level::ERROR) {
            // Sub-commands that open the store of a stopped gateway write no log.
            eprintln!("tollgate: changes cannot be applied or saved: {why}");
        }
        std::process::exit(crate::platform::STORE)
    }

    /// Closes the log: refuses further commands, blocks until the accepted ones are durable, and
    /// lets [`Replica::run`] return once they are applied and saved.
    pub fn close(&self) {
        self.log.close();
    }
}
