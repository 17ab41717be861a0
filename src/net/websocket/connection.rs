//! The pump of one socket: one loop that reads, serves, pushes and keeps time.
//!
//! Messages in turn run one after another; those that may overtake are answered while reading.
//! While a write is stuck nothing is read and nothing is taken from the outbox, so that a slow
//! reader holds up nobody but himself.

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::close_reason::CloseReason;
use super::connection_state::{Link, LinkLimits, OnText, OnTime};
use super::frame_reader::Event;
use super::frame_stream::{self, Frames, Taker};
use super::timer::Alarm;
use super::timing_batch::Batch;
use crate::gateway::Place;
use crate::messages::{Caller, Effect};
use crate::realm::{Millis, SessionNo};
use crate::router::{KnownToken, Looked, Reply, Router};
use crate::sessions::Presence;
use crate::subscriptions::{Notice, Outbox};
type Busy = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// One socket and all that belongs to it.
pub(super) struct Pump {
    pub(super) socket: Frames,
    pub(super) router: Router,
    pub(super) link: Link,
    pub(super) caller: Caller,
    pub(super) outbox: Arc<Outbox>,
    pub(super) known: KnownToken,
    /// Messages that wait for their turn beside the one being served, and their bytes.
    pub(super) waiting: VecDeque<Box<str>>,
    waiting_bytes: usize,
    pub(super) busy: Option<Busy>,
    pub(super) notices: VecDeque<Notice>,
    /// Sessions other than the bound one that have subscriptions here.
    pub(super) heard: Vec<Arc<Presence>>,
    pub(super) alarm: Alarm,
    /// The outbox wakes this task by itself.
    listening: bool,
    /// Rows were asked for here.
    pub(super) subscribed: bool,
    /// Whoever has rows may write them.
    pub(super) lent: bool,
    stuck: bool,
    /// The time when this turn began.
    pub(super) at: Millis,
    batch: Batch,
    limits: Limits,
}

/// How much may wait for its turn.
#[derive(Clone, Copy)]
struct Limits {
    waiting: usize,
    waiting_bytes: usize,
}

/// Room for the answer of a heartbeat.
const ANSWER_ROOM: usize = 384;

/// Serves one socket until it ends, and holds its place.
pub fn serve(
    socket: Frames,
    router: Router,
    address: IpAddr,
    place: Arc<Place>,
) -> impl Future<Output = ()> + Send {
    // Made here and captured: what an async function takes lies in its future twice.
    let mut pump = Pump::new(socket, router, address);
    async move {
        metrics::gauge!("tollgate_connections").increment(1);
        let reason = pump.run().await;
        // Elsewhere: an open socket has no room for its end.
        Box::pin(pump.end(reason)).await;
        metrics::gauge!("tollgate_connections").decrement(1);
        drop(place);
    }
}

impl Pump {
    /// A deadline has changed: the timer looks again.
    pub(super) fn wake_timer(&mut self) {
        self.alarm.set(self.at, 0);
    }

    fn new(socket: Frames, router: Router, address: IpAddr) -> Self {
        let node = router.node().clone();
        let (limits, now) = (&node.settings().server.limits, node.clock.now());
        let outbox = Outbox::new(limits.outbox_bytes);
        node.connections.add(&outbox);
        let link_limits = LinkLimits {
            login_wait_ms: limits.login_wait_secs * 1_000,
            per_second: limits.messages_per_sec_per_connection,
            ping_ms: node.settings().heartbeat.interval_secs * 1_000,
            stuck_ms: limits.slow_reader_secs * 1_000,
        };
        Self {
            socket,
            link: Link::new(link_limits, now),
            caller: Caller::on_socket(address, outbox.clone(), now),
            outbox,
            known: KnownToken::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            busy: None,
            notices: VecDeque::new(),
            heard: Vec::new(),
            alarm: Alarm::due(),
            listening: false,
            subscribed: false,
            lent: false,
            stuck: false,
            at: now,
            batch: Batch::new(),
            limits: Limits {
                waiting: limits.calls_in_flight_per_connection,
                waiting_bytes: limits.message_bytes,
            },
            router,
        }
    }

    async fn run(&mut self) -> CloseReason {
        std::future::poll_fn(|context| match self.turn(context) {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        })
        .await
    }

    fn now(&self) -> Millis {
        self.router.node().clock.now()
    }

    /// Does everything that can be done now; replies of one read leave in one flush.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<(), CloseReason> {
        let (now, watch) = self.router.node().clock.start();
        self.at = now;
        self.batch.begin(watch);
        self.reclaim();
        if self.stuck && !self.flush(context)? {
            return self.keep_time(context);
        }
        let mut reads = 0;
        loop {
            // What was made is sent before more is made.
            if self.socket.waiting() > FLUSH_BYTES && !self.flush(context)? {
                break;
            }
            if self.finish_call(context)? || self.hear()? || self.push(context)? {
                continue;
            }
            if reads == READS_MAX {
                // Others want to be served too.
                context.waker().wake_by_ref();
                break;
            }
            if !self.read(context)? {
                break;
            }
            reads += 1;
        }
        self.batch.count();
        self.flush(context)?;
        self.keep_time(context)?;
        self.lend();
        Ok(())
    }

    /// Takes the reply of the message being served, if it is there, and starts the next one.
    fn finish_call(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        let Some(busy) = &mut self.busy else { return Ok(self.start_call()) };
        let Poll::Ready(reply) = busy.as_mut().poll(context) else { return Ok(false) };
        self.busy = None;
        let now = self.now();
        self.link.busy(false, now);
        if self.caller.bound.is_none() {
            // The login wait goes on.
            self.wake_timer();
        }
        // Rows that were there before the reply go before it.
        self.take_mail()?;
        self.reply(reply)?;
        self.start_call();
        Ok(true)
    }

    fn start_call(&mut self) -> bool {
        // The end of the session comes before the next message.
        if !self.notices.is_empty() {
            return false;
        }
        let Some(frame) = self.waiting.pop_front() else { return false };
        self.waiting_bytes -= frame.len();
        let now = self.now();
        self.link.busy(true, now);
        let (router, caller) = (self.router.clone(), self.caller.clone());
        self.busy = Some(Box::pin(async move { router.serve(caller, frame).await }));
        true
    }

    fn reply(&mut self, reply: Reply) -> Result<(), CloseReason> {
        if let Some(session) = reply.bind {
            self.bind(session)?;
        }
        if !matches!(reply.effect, Effect::Silent) {
            self.socket.text(&reply.frame)?;
        }
        if let Effect::Release(subscription, session) = reply.effect {
            self.listen_to(&session);
            self.subscribed = true;
            // A session that ended meanwhile gets no rows; its notice ends the subscription.
            if !session.is_over() {
                self.router.node().replica.feed.release(&self.outbox, subscription);
            }
        }
        Ok(())
    }

    /// Reacts to one notice. The end of the session waits until its last message is answered.
    fn hear(&mut self) -> Result<bool, CloseReason> {
        if self.busy.is_some() {
            return Ok(false);
        }
        let Some(notice) = self.notices.pop_front() else { return Ok(false) };
        match notice {
            Notice::Services(session, frame) if self.is_bound_to(session) => {
                self.socket.text(&frame)?;
            }
            Notice::Expiring { session, in_secs } if self.is_bound_to(session) => {
                let body = serde_json::json!({ "DETAILS": { "IN_SECS": in_secs } });
                self.socket.text(&protocol::envelope::encode("SESSION_EXPIRING", None, &body))?;
            }
            Notice::Services(..) | Notice::Expiring { .. } => {}
            Notice::Ended(session, reason) => {
                if self.is_bound_to(session) {
                    return Err(CloseReason::Session(reason));
                }
                self.heard.retain(|heard| heard.session != session);
            }
            Notice::Shutdown => return Err(CloseReason::Shutdown),
        }
        Ok(true)
    }

    fn push(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.listening && !self.outbox.is_due() {
            return Ok(false);
        }
        self.listening = true;
        match self.outbox.poll_due(context) {
            Poll::Ready(()) => self.take_mail(),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes rows and keeps notices. Subscriptions of a session that is over end at once, also
    /// while a message is served; only the close itself waits for its reply.
    fn take_mail(&mut self) -> Result<bool, CloseReason> {
        let over = self.caller.bound.iter().chain(&self.heard).filter(|it| it.is_over());
        let over: Vec<SessionNo> = over.map(|it| it.session).collect();
        for session in over {
            self.end_subscriptions(Some(session))?;
        }
        self.listening = false;
        let mail = self.outbox.take();
        self.notices.extend(mail.notices);
        mail.frames.into_iter().try_for_each(|frame| self.socket.text(&frame))?;
        Ok(true)
    }

    /// Reads. False when there is nothing, or when enough messages wait already.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        Ok(self.has_room() && frame_stream::poll_read(self, context)?)
    }

    fn has_room(&self) -> bool {
        let Limits { waiting, waiting_bytes } = self.limits;
        self.waiting.len() < waiting && self.waiting_bytes < waiting_bytes
    }

    fn on_pong(&mut self) {
        self.link.on_pong();
        let counts = self.router.node().settings().heartbeat.pong_counts;
        if let Some(bound) = self.caller.bound.as_ref().filter(|_| counts) {
            bound.live(self.at);
        }
    }

    fn on_text(&mut self, frame: &str) -> Result<(), CloseReason> {
        let now = self.at;
        if let Some(bound) = &self.caller.bound {
            bound.live(now);
        }
        match self.link.on_text(now) {
            OnText::Close(reason) => Err(reason),
            OnText::TooFast(wait_ms) => {
                let reply = self.router.too_fast(&self.caller, frame, wait_ms);
                self.reply(reply)
            }
            OnText::Serve => self.look(frame),
        }
    }

    /// Answers a message that may overtake others in the place where its answer is sent from; all
    /// others wait for their turn.
    fn look(&mut self, frame: &str) -> Result<(), CloseReason> {
        let Self { router, caller, known, at, .. } = self;
        let looked =
            self.socket.text_by(ANSWER_ROOM, |out| router.look(caller, known, frame, *at, out))?;
        match looked {
            Looked::Written(row, bind) => {
                self.batch.add(row);
                bind.map_or(Ok(()), |session| self.bind(session))
            }
            Looked::Answered(row, reply) => {
                row.into_iter().for_each(|row| self.batch.add(row));
                self.reply(reply)
            }
            Looked::InTurn => {
                self.waiting_bytes += frame.len();
                self.waiting.push_back(frame.into());
                Ok(())
            }
        }
    }

    /// Whether everything is written.
    fn flush(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.socket.is_flushed() {
            return Ok(true);
        }
        let was_stuck = self.stuck;
        self.stuck = match self.socket.poll_flush(context) {
            Poll::Pending => true,
            Poll::Ready(flushed) => flushed.map(|()| false)?,
        };
        if self.stuck != was_stuck {
            let now = self.now();
            self.link.writing(self.stuck, false, now);
            self.wake_timer();
            // What came while nothing was read is read now.
            context.waker().wake_by_ref();
        }
        Ok(!self.stuck)
    }

    fn keep_time(&mut self, context: &mut Context<'_>) -> Result<(), CloseReason> {
        while self.alarm.is_due(self.at, context) {
            let now = self.now();
            if self.stuck {
                self.link.writing(true, self.outbox.overflows(), now);
            }
            match self.link.on_time(now) {
                OnTime::Close(reason) => return Err(reason),
                OnTime::Wait(at) => {
                    self.alarm.set(now, at.saturating_sub(now).max(1));
                }
                OnTime::Ping => {
                    self.socket.ping();
                    self.flush(context)?;
                }
            }
        }
        Ok(())
    }
}

impl Taker for Pump {
    fn frames(&mut self) -> &mut Frames {
        &mut self.socket
    }

    fn take(&mut self, event: Event<'_>) -> Result<bool, CloseReason> {
        match event {
            Event::Text(text) => self.on_text(&text)?,
            Event::Ping(payload) => self.socket.pong(payload),
            Event::Pong => self.on_pong(),
            Event::Close(payload) => {
                self.socket.answer_close(payload);
                return Err(CloseReason::Gone);
            }
            Event::Part => {}
        }
        Ok(self.has_room() && self.socket.waiting() <= FLUSH_BYTES)
    }
}

/// Past this, what waits is written before more is made.
const FLUSH_BYTES: usize = 64 * 1024;
/// Frames that are read before other sockets get their turn.
const READS_MAX: usize = 64;
