//! The outbox of one connection: subscriptions with what waits for them, and notices. Bounded:
//! rows conflate, and a reader that stays behind is closed with a reason.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::subscription::Subscription;
use crate::realm::{EndReason, SessionNo};
/// What the socket of a connection is told beside the rows.
#[derive(Debug, Clone)]
pub enum Notice {
    /// The services changed: a heartbeat's answer that nobody asked for.
    Services(SessionNo, Arc<str>),
    /// The session of this connection ends soon.
    #[expect(missing_docs, reason = "which session, and the seconds that are left")]
    Expiring { session: SessionNo, in_secs: u64 },
    /// A session ended; the socket is told if it is bound to it.
    Ended(SessionNo, EndReason),
    /// The gateway drains.
    Shutdown,
}

/// What a socket has to write.
#[derive(Debug, Default)]
pub struct Drained {
    /// Finished frames, in order.
    pub frames: Vec<String>,
    /// What the link has to react to, after them.
    pub notices: Vec<Notice>,
}

/// How rows are sent without the socket's task, while it has nothing to do.
pub trait DirectWriter: Debug + Send + Sync {
    /// Appends the text that `make` appends as a frame; false and nothing if it has none.
    fn frame(&self, out: &mut Vec<u8>, make: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool;

    /// Sends frames, as far as the socket takes them now, and gives how many bytes these are.
    fn send(&self, frames: &[u8]) -> usize;
}

/// The subscriptions of one connection: one as a rule.
pub(super) type Subscriptions = SmallVec<[Subscription; 1]>;

/// Shared by the socket that empties it and by everybody who fills it.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(super) inside: Mutex<Inside>,
    due: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) subscriptions: Subscriptions,
    notices: Vec<Notice>,
    bytes_max: usize,
    pub(super) line: Option<Arc<dyn DirectWriter>>,
    /// Whether the line may be used.
    pub(super) is_lent: bool,
    /// What it did not take.
    pub(super) rest: Vec<u8>,
}

/// Frames taken in one go; the rest stays and goes on conflating while they are written.
const FRAMES_MAX: usize = 16;
/// And their bytes, of which the last frame may be over.
const BYTES_MAX: usize = 64 * 1024;

impl Outbox {
    /// An outbox whose waiting rows may weigh `bytes_max`.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let inside = Inside { bytes_max, ..Inside::default() };
        Arc::new(Self { inside: Mutex::new(inside), ..Self::default() })
    }

    /// Adds a notice and wakes the socket. A newer list of services replaces one that waits.
    pub fn notify(&self, notice: Notice) {
        let mut inside = self.inside.lock();
        if let Notice::Services(session, _) = &notice {
            let same = |old: &Notice| matches!(old, Notice::Services(it, _) if it == session);
            inside.notices.retain(|old| !same(old));
        }
        inside.notices.push(notice);
        drop(inside);
        self.wake();
    }

    /// Works on the subscriptions; whoever made rows wait calls [`Outbox::wake`] afterwards.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Subscriptions) -> T) -> T {
        work(&mut self.inside.lock().subscriptions)
    }

    /// Works on one subscription, if it is still there, and wakes the socket if rows wait.
    pub(super) fn with_one<T>(
        &self,
        id: u64,
        work: impl FnOnce(&mut Subscription) -> T,
    ) -> Option<T> {
        let mut inside = self.inside.lock();
        let one = find(&mut inside.subscriptions, id)?;
        let (done, is_due) = (work(one), one.is_due());
        drop(inside);
        if is_due {
            self.wake();
        }
        Some(done)
    }

    /// Works on one subscription, if it is still there, and says whether rows wait. Whoever made
    /// them wait delivers when he holds no other lock.
    pub(super) fn prepare(&self, id: u64, work: impl FnOnce(&mut Subscription)) -> bool {
        let mut inside = self.inside.lock();
        find(&mut inside.subscriptions, id).is_some_and(|one| {
            work(one);
            one.is_due()
        })
    }

    /// Rows may take this line whenever it is lent; none: the socket's task writes them.
    pub fn connect(&self, line: Option<Arc<dyn DirectWriter>>) {
        let mut inside = self.inside.lock();
        (inside.line, inside.is_lent) = (line, false);
    }

    /// The socket's task has nothing to write. Says whether there is a line that others may use;
    /// `may` is asked so that no [`Outbox::withhold`] is missed.
    pub fn lend(&self, may: impl FnOnce() -> bool) -> bool {
        let mut inside = self.inside.lock();
        inside.is_lent = inside.line.is_some() && may();
        inside.is_lent
    }

    /// Nobody but the socket's task may send now: it has something to hear.
    pub fn withhold(&self) {
        self.inside.lock().is_lent = false;
    }

    /// The socket's task writes again, first of all the rest of what others wrote.
    pub fn reclaim(&self) -> Vec<u8> {
        let mut inside = self.inside.lock();
        inside.is_lent = false;
        std::mem::take(&mut inside.rest)
    }

    /// Whether others than the socket's task may send.
    #[cfg(test)]
    pub fn is_lent(&self) -> bool {
        self.inside.lock().is_lent
    }

    /// How many subscriptions the connection has.
    pub fn subscriptions(&self) -> usize {
        self.inside.lock().subscriptions.len()
    }

    /// Makes the socket look.
    pub fn wake(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether there may be something to take.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Ready when there may be something to take.
    pub fn poll_due(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.due.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        match self.due.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Takes what is to be written now. Called by the socket alone, when its last write is through.
    pub fn take(&self) -> Drained {
        self.due.store(false, Ordering::Release);
        let mut inside = self.inside.lock();
        let (mut mail, mut bytes) = (Drained::default(), 0);
        for subscription in &mut inside.subscriptions {
            while subscription.is_due() && mail.frames.len() < FRAMES_MAX && bytes < BYTES_MAX {
                let frame = text(subscription);
                bytes += frame.len();
                mail.frames.push(frame);
            }
        }
        if inside.subscriptions.iter().any(Subscription::is_due) {
            self.due.store(true, Ordering::Release);
        }
        mail.notices = std::mem::take(&mut inside.notices);
        mail
    }

    /// What waits for the first subscription, as one frame; for whoever asks instead of listening.
    pub fn poll(&self) -> Option<String> {
        self.inside.lock().subscriptions.first_mut().map(text)
    }

    /// Whether more waits than may wait. Asked while a write is stuck.
    pub fn overflows(&self) -> bool {
        let inside = self.inside.lock();
        inside.subscriptions.iter().map(Subscription::weight).sum::<usize>() > inside.bytes_max
    }
}

impl Inside {
    pub(super) fn is_due(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_due)
    }
}

/// One subscription, if it is still there.
pub(super) fn find(subscriptions: &mut Subscriptions, id: u64) -> Option<&mut Subscription> {
    subscriptions.iter_mut().find(|one| one.id == id)
}

/// The next QUERY_UPDATE as a text of its own.
fn text(subscription: &mut Subscription) -> String {
    let mut frame = Vec::new();
    subscription.write_update(&mut frame);
    // It is made of JSON.
    String::from_utf8(frame).unwrap_or_default()
}
