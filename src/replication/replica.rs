//! The replica: append, apply, save, publish, answer — the one place where order becomes state.

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
    Applied, Change, Command, Ended, EntryId, Millis, Origin, Outcome, Policy, Realm, Row, SEEN_MS,
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
    /// It was not stored and has no effect.
    #[error("the command was not stored: {0}")]
    NotStored(String),
    /// It may have been stored: it may have been done.
    #[error("the outcome of the command is unknown")]
    Unknown,
}

/// A command whose outcome takes longer is answered with "may have been done".
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);
/// An append of unknown outcome is repeated at this distance.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A caller that waits for the outcome of an entry; dropped with the caller.
struct WaitingCaller<'a> {
    replica: &'a Replica,
    id: EntryId,
}

impl Drop for WaitingCaller<'_> {
    fn drop(&mut self) {
        self.replica.waiting.remove(&self.id.0);
    }
}

/// One node's copy of the realm, kept by following the log.
pub struct Replica {
    state: RwLock<State>,
    applied: AppliedSeq,
    log: Arc<dyn CommandLog>,
    store: Option<RowStore>,
    /// The changes with their actors and addresses.
    pub audit_trail: Arc<AuditTrail>,
    write_behind: WriteBehind,
    waiting: DashMap<u128, oneshot::Sender<Outcome>>,
    clock: Clock,
    /// Open subscriptions.
    pub subscriptions: SubscriptionHub,
    /// Sessions with sockets.
    pub sessions: SessionRegistry,
    /// The backup that goes on.
    pub backups: BackupSessions,
}

impl Replica {
    /// A replica that starts from `realm`, which reflects the log up to `seq`. Nothing moves until
    /// [`Replica::run`].
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

    /// Looks at the realm; the closure gives the guard back.
    pub fn read<T>(&self, work: impl FnOnce(&Realm, Seq) -> T) -> T {
        let state = self.state.read();
        work(&state.realm, state.seq)
    }

    /// The clock of this gateway.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Why writes are refused at the moment, if they are.
    pub fn write_error(&self) -> Option<String> {
        self.log.write_error()
    }

    /// Sees to it that this is the realm's policy.
    pub async fn set_policy(&self, policy: Policy) -> Result<(), SubmitError> {
        if self.read(|realm, _| *realm.policy() != policy) {
            self.submit(Command::SetPolicy(policy)).await?;
        }
        Ok(())
    }

    /// Appends a command of the gateway's own and waits until it was applied and published here.
    pub async fn submit(&self, command: Command) -> Result<Outcome, SubmitError> {
        self.submit_from(command, None).await
    }

    /// The same for the user and client in `origin`.
    pub async fn submit_from(
        &self,
        command: Command,
        origin: Option<Origin>,
    ) -> Result<Outcome, SubmitError> {
        let id = EntryId(random::entry_id());
        let (sender, mut outcome) = oneshot::channel();
        self.waiting.insert(id.0, sender);
        let _waiting = WaitingCaller { replica: self, id };
        let origin = origin.map(Box::new);
        let entry = Arc::new(Entry { id, at: self.clock.now(), command, origin });
        let watch = stopwatch();
        let applied = async {
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

    /// Appends until it is known whether the entry is stored: it is repeated under its own name, so
    /// that it counts once, whichever of its copies come to life.
    async fn append(&self, entry: Arc<Entry>) -> Result<(), SubmitError> {
        match self.log.append(entry.clone()).await {
            Ok(_) => return Ok(()),
            Err(AppendError::NotStored(why)) => return Err(SubmitError::NotStored(why)),
            Err(AppendError::Unknown(why)) => tracing::warn!(why, "a command is appended again"),
        }
        loop {
            tokio::time::sleep(RETRY_DELAY).await;
            match self.log.append(entry.clone()).await {
                Ok(_) => return Ok(()),
                // This copy is not stored; of the first one nothing will be known any more.
                Err(AppendError::NotStored(_)) => return Err(SubmitError::Unknown),
                Err(AppendError::Unknown(_)) => {}
            }
        }
    }

    /// Forgets entries of the log that were made before `before`, that the rows reflect and that
    /// are not repeated any more. Gives the number of the last that is gone.
    pub async fn trim(&self, before: Millis) -> Result<Seq, String> {
        let Some(store) = &self.store else { return Ok(0) };
        let before = before.min(self.read(|realm, _| realm.time().saturating_sub(SEEN_MS)));
        let mut trimmed = 0;
        loop {
            let now = self.log.trim(store.applied(), before).await?;
            if now == trimmed {
                return Ok(trimmed);
            }
            trimmed = now;
        }
    }

    /// Follows the log until it is closed. Runs on a thread of its own: every step is short, but it
    /// writes to the disk.
    pub fn run(&self) {
        // A fault here would leave a node that acknowledges and applies nothing.
        let catch_panic = |work: &dyn Fn()| {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.abort_process("the thread that applies commands failed");
            }
        };
        std::thread::scope(|scope| {
            if let Some(store) = &self.store {
                scope.spawn(move || catch_panic(&|| self.save(store)));
            }
            catch_panic(&|| self.follow());
            self.write_behind.finish();
        });
    }

    fn follow(&self) {
        let from = self.read(|_, seq| seq);
        let followed = match self.log.follow(from) {
            Ok(followed) => followed,
            Err(error) => self.abort_process(&format!("the log cannot be followed: {error}")),
        };
        for followed in followed {
            match followed {
                LogEvent::Entries(first, entries, _stored) => self.apply_batch(first, &entries),
                LogEvent::Gap(first) => {
                    self.abort_process(&format!("the log begins only at {first}"))
                }
                LogEvent::Unreadable(why) => {
                    self.abort_process(&format!("the log cannot be read: {why}"))
                }
            }
        }
    }

    /// Waits until the realm reflects the log up to `seq`: before that nothing may be served.
    pub fn wait_until_applied(&self, seq: Seq) {
        self.applied.wait_until(seq);
    }

    /// Waits until the store has what the realm reflects, for readers of the store itself.
    pub fn flush_rows(&self) {
        if self.store.is_some() {
            self.write_behind.wait_until_saved(self.read(|_, seq| seq));
        }
    }

    /// Applies entries one by one and answers their callers. The log has them: the store follows.
    fn apply_batch(&self, first: Seq, entries: &[Arc<Entry>]) {
        for (seq, entry) in (first..).zip(entries) {
            let applied = self.apply_entry(seq, entry);
            if !applied.audit.is_empty() {
                self.subscriptions
                    .publish_audit(self.audit_trail.append(&applied.audit), &applied.audit);
            }
            if self.store.is_some() {
                self.write_behind.push(seq, applied.changes, self.audit_trail.last());
            }
            let outcome = applied.outcome;
            if let Some((_, waiting)) = self.waiting.remove(&entry.id.0) {
                let lag = self.clock.now().saturating_sub(entry.at);
                metrics::histogram!("tollgate_push_lag_seconds").record(lag as f64 / 1_000.0);
                // Without a receiver the caller is gone; the effect stays.
                let _ = waiting.send(outcome);
            }
        }
    }

    /// What an entry does, in memory and to all who are to know.
    fn apply_entry(&self, seq: Seq, entry: &Entry) -> Applied {
        // This thread is the only writer: what it reads here is still true when it applies.
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

    /// Changes the realm. The rows before are read under the same guard: a new subscription
    /// has either read the rows as they are now, or is known when the change is published.
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

    /// Saves what is not saved until nothing more comes. A disk that takes no more does not end the
    /// gateway: the log has everything, and a restart makes the rows again. Until then nothing more
    /// is taken.
    fn save(&self, store: &RowStore) {
        while let Some(SaveBatch { seq, rows, audited, .. }) = self.write_behind.next_batch() {
            // The database panics on some faults of the disk.
            let save = AssertUnwindSafe(|| store.save(seq, &rows, audited));
            let failed = |_| Err(StoreError::Io(std::io::Error::other("the store failed")));
            match catch_unwind(save).unwrap_or_else(failed) {
                Ok(()) => {}
                Err(StoreError::Io(error)) if error.kind() != std::io::ErrorKind::InvalidData => {
                    let why = format!("entries up to {seq} are in the log only: {error}");
                    tracing::error!(why, "changes are refused until a restart");
                    self.log.stop_accepting(&why);
                    self.write_behind.abandon();
                }
                Err(error) => {
                    self.abort_process(&format!("entries up to {seq} cannot be saved: {error}"))
                }
            }
        }
        store.flush();
    }

    /// Ends sessions before their clients are notified: the next message of one is refused.
    fn end_sessions(&self, applied: &Applied) -> Vec<(Arc<crate::sessions::LiveSession>, Ended)> {
        for change in &applied.changes {
            if let Change::Put(Row::Session(session)) = change {
                self.sessions.update_tokens(session);
            }
        }
        let end = |ended: &Ended| Some((self.sessions.end(ended.session, ended.reason)?, *ended));
        applied.ended.iter().filter_map(end).collect()
    }

    /// A node that cannot keep its state must not answer: what it promised would not hold.
    fn abort_process(&self, why: &str) -> ! {
        tracing::error!(why, "the gateway stops: its state cannot be kept");
        if !tracing::enabled!(tracing::Level::ERROR) {
            // Commands on a stopped store write no log.
            eprintln!("tollgate: its state cannot be kept: {why}");
        }
        std::process::exit(crate::platform::STORE)
    }

    /// Stops taking commands, makes everything durable and ends [`Replica::run`]. Blocking.
    pub fn close(&self) {
        self.log.close();
    }
}
