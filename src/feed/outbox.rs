//! The outbox of one connection: subscriptions with what waits for them, and notices. Bounded:
//! rows conflate, and a reader that stays behind is closed with a reason.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

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
pub struct Mail {
    /// Finished frames, in order.
    pub frames: Vec<String>,
    /// What the link has to react to, after them.
    pub notices: Vec<Notice>,
}

/// How rows are sent without the socket's task, while it has nothing to do.
pub trait Line: Debug + Send + Sync {
    /// Sends the texts that `next` appends, until it has none, as far as the socket takes them, and
    /// gives back the bytes that it did not take. None: nothing may be sent; `next` was not asked.
    fn send(&self, next: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> Option<Vec<u8>>;
}

/// Shared by the socket that empties it and by everybody who fills it.
#[derive(Debug, Default)]
pub struct Outbox {
    inside: Mutex<Inside>,
    due: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Inside {
    subscriptions: Vec<Subscription>,
    notices: Vec<Notice>,
    bytes_max: usize,
    line: Option<Box<dyn Line>>,
    /// Whether the line may be used.
    is_lent: bool,
    /// What it did not take.
    rest: Vec<u8>,
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
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Vec<Subscription>) -> T) -> T {
        work(&mut self.inside.lock().subscriptions)
    }

    /// Works on one subscription, if it is still there, and wakes the socket if rows wait.
    pub(super) fn with_one<T>(
        &self,
        id: u64,
        work: impl FnOnce(&mut Subscription) -> T,
    ) -> Option<T> {
        let (done, is_due) = self.work(id, work)?;
        if is_due {
            self.wake();
        }
        Some(done)
    }

    /// Works on one subscription, if it is still there, and says whether rows wait. Whoever made
    /// them wait calls [`Outbox::deliver`] when he holds no other lock.
    pub(super) fn prepare(&self, id: u64, work: impl FnOnce(&mut Subscription)) -> bool {
        self.work(id, work).is_some_and(|((), is_due)| is_due)
    }

    fn work<T>(&self, id: u64, work: impl FnOnce(&mut Subscription) -> T) -> Option<(T, bool)> {
        self.with(|subscriptions| {
            let one = subscriptions.iter_mut().find(|one| one.id == id)?;
            Some((work(one), one.is_due()))
        })
    }

    /// Sends what waits if the line is free, or else wakes the socket.
    pub(super) fn deliver(&self) {
        let mut inside = self.inside.lock();
        let Inside { subscriptions, line, is_lent, rest, .. } = &mut *inside;
        let mut next = |out: &mut Vec<u8>| {
            let due = subscriptions.iter_mut().find(|one| one.is_due());
            due.map(|one| one.update(out)).is_some()
        };
        if let Some(line) = line.as_ref().filter(|_| *is_lent)
            && let Some(left) = line.send(&mut next)
        {
            *is_lent = left.is_empty();
            *rest = left;
        }
        let is_done = *is_lent && !subscriptions.iter().any(Subscription::is_due);
        drop(inside);
        if !is_done {
            self.wake();
        }
    }

    /// Rows may take this line whenever it is lent; none: the socket's task writes them.
    pub fn connect(&self, line: Option<Box<dyn Line>>) {
        let mut inside = self.inside.lock();
        (inside.line, inside.is_lent) = (line, false);
    }

    /// The socket's task has nothing to write. Says whether there is a line that others may use.
    pub fn lend(&self) -> bool {
        let mut inside = self.inside.lock();
        inside.is_lent = inside.line.is_some();
        inside.is_lent
    }

    /// The socket's task writes again, first of all the rest of what others wrote.
    pub fn reclaim(&self) -> Vec<u8> {
        let mut inside = self.inside.lock();
        inside.is_lent = false;
        std::mem::take(&mut inside.rest)
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
    pub fn take(&self) -> Mail {
        self.due.store(false, Ordering::Release);
        let mut inside = self.inside.lock();
        let (mut mail, mut bytes) = (Mail::default(), 0);
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

/// The next QUERY_UPDATE as a text of its own.
fn text(subscription: &mut Subscription) -> String {
    let mut frame = Vec::new();
    subscription.update(&mut frame);
    // It is made of JSON.
    String::from_utf8(frame).unwrap_or_default()
}
