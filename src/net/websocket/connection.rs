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
use super::connection_state::{ConnectionLimits, ConnectionState, TextDecision, TimerDecision};
use super::frame_reader::FrameEvent;
use super::frame_stream::{self, FrameHandler, FrameStream};
use super::timer::Timer;
use super::timing_batch::TimingBatch;
use crate::gateway::ConnectionPermit;
use crate::messages::{AfterReply, ClientInfo};
use crate::realm::{Millis, SessionNo};
use crate::router::{Accepted, Reply, Router, TokenCache};
use crate::sessions::LiveSession;
use crate::subscriptions::{Notice, Outbox};
type Busy = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// One socket and all that belongs to it.
pub(super) struct Connection {
    pub(super) socket: FrameStream,
    pub(super) router: Router,
    pub(super) link: ConnectionState,
    pub(super) caller: ClientInfo,
    pub(super) outbox: Arc<Outbox>,
    pub(super) known: TokenCache,
    /// Messages that wait for their turn beside the one being served, and their bytes.
    pub(super) waiting: VecDeque<Box<str>>,
    waiting_bytes: usize,
    pub(super) busy: Option<Busy>,
    pub(super) notices: VecDeque<Notice>,
    /// Sessions other than the bound one that have subscriptions here.
    pub(super) other_sessions: Vec<Arc<LiveSession>>,
    pub(super) alarm: Timer,
    /// The outbox wakes this task by itself.
    listening: bool,
    /// Rows were asked for here.
    pub(super) subscribed: bool,
    /// Whoever has rows may write them.
    pub(super) direct_write: bool,
    stuck: bool,
    /// The time when this turn began.
    pub(super) at: Millis,
    batch: TimingBatch,
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
    socket: FrameStream,
    router: Router,
    address: IpAddr,
    place: Arc<ConnectionPermit>,
) -> impl Future<Output = ()> + Send {
    // Made here and captured: what an async function takes lies in its future twice.
    let mut pump = Connection::new(socket, router, address);
    async move {
        metrics::gauge!("tollgate_connections").increment(1);
        let reason = pump.run().await;
        // Elsewhere: an open socket has no room for its end.
        Box::pin(pump.close(reason)).await;
        metrics::gauge!("tollgate_connections").decrement(1);
        drop(place);
    }
}

impl Connection {
    /// A deadline has changed: the timer looks again.
    pub(super) fn wake_timer(&mut self) {
        self.alarm.set(self.at, 0);
    }

    fn new(socket: FrameStream, router: Router, address: IpAddr) -> Self {
        let node = router.node().clone();
        let (limits, now) = (&node.settings().server.limits, node.clock.now());
        let outbox = Outbox::new(limits.outbox_bytes);
        node.connections.add(&outbox);
        let link_limits = ConnectionLimits {
            login_wait_ms: limits.login_timeout_secs * 1_000,
            per_second: limits.messages_per_sec_per_connection,
            ping_ms: node.settings().heartbeat.interval_secs * 1_000,
            stuck_ms: limits.write_timeout_secs * 1_000,
        };
        Self {
            socket,
            link: ConnectionState::new(link_limits, now),
            caller: ClientInfo::websocket(address, outbox.clone(), now),
            outbox,
            known: TokenCache::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            busy: None,
            notices: VecDeque::new(),
            other_sessions: Vec::new(),
            alarm: Timer::due(),
            listening: false,
            subscribed: false,
            direct_write: false,
            stuck: false,
            at: now,
            batch: TimingBatch::new(),
            limits: Limits {
                waiting: limits.queued_messages_per_connection,
                waiting_bytes: limits.message_bytes,
            },
            router,
        }
    }

    async fn run(&mut self) -> CloseReason {
        std::future::poll_fn(|context| match self.poll_once(context) {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        })
        .await
    }

    fn now(&self) -> Millis {
        self.router.node().clock.now()
    }

    /// Does everything that can be done now; replies of one read leave in one flush.
    fn poll_once(&mut self, context: &mut Context<'_>) -> Result<(), CloseReason> {
        let (now, watch) = self.router.node().clock.start();
        self.at = now;
        self.batch.begin(watch);
        self.withdraw_direct_write();
        if self.stuck && !self.flush(context)? {
            return self.keep_time(context);
        }
        let mut reads = 0;
        loop {
            // What was made is sent before more is made.
            if self.socket.buffered() > FLUSH_BYTES && !self.flush(context)? {
                break;
            }
            if self.finish_request(context)? || self.handle_notice()? || self.push(context)? {
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
        self.offer_direct_write();
        Ok(())
    }

    /// Takes the reply of the message being served, if it is there, and starts the next one.
    fn finish_request(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        let Some(busy) = &mut self.busy else { return Ok(self.start_request()) };
        let Poll::Ready(reply) = busy.as_mut().poll(context) else { return Ok(false) };
        self.busy = None;
        let now = self.now();
        self.link.set_serving(false, now);
        if self.caller.session.is_none() {
            // The login wait goes on.
            self.wake_timer();
        }
        // Rows that were there before the reply go before it.
        self.drain_outbox()?;
        self.reply(reply)?;
        self.start_request();
        Ok(true)
    }

    fn start_request(&mut self) -> bool {
        // The end of the session comes before the next message.
        if !self.notices.is_empty() {
            return false;
        }
        let Some(frame) = self.waiting.pop_front() else { return false };
        self.waiting_bytes -= frame.len();
        let now = self.now();
        self.link.set_serving(true, now);
        let (router, caller) = (self.router.clone(), self.caller.clone());
        self.busy = Some(Box::pin(async move { router.handle(caller, frame).await }));
        true
    }

    fn reply(&mut self, reply: Reply) -> Result<(), CloseReason> {
        if let Some(session) = reply.bind {
            self.bind(session)?;
        }
        if !matches!(reply.effect, AfterReply::NoReply) {
            self.socket.text(&reply.frame)?;
        }
        if let AfterReply::ReleaseSubscription(subscription, session) = reply.effect {
            self.listen_to(&session);
            self.subscribed = true;
            // A session that ended meanwhile gets no rows; its notice ends the subscription.
            if !session.has_ended() {
                self.router.node().replica.feed.release(&self.outbox, subscription);
            }
        }
        Ok(())
    }

    /// Reacts to one notice. The end of the session waits until its last message is answered.
    fn handle_notice(&mut self) -> Result<bool, CloseReason> {
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
                self.other_sessions.retain(|heard| heard.session != session);
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
            Poll::Ready(()) => self.drain_outbox(),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes rows and keeps notices. Subscriptions of a session that is over end at once, also
    /// while a message is served; only the close itself waits for its reply.
    fn drain_outbox(&mut self) -> Result<bool, CloseReason> {
        let over =
            self.caller.session.iter().chain(&self.other_sessions).filter(|it| it.has_ended());
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
        if let Some(bound) = self.caller.session.as_ref().filter(|_| counts) {
            bound.seen(self.at);
        }
    }

    fn on_text(&mut self, frame: &str) -> Result<(), CloseReason> {
        let now = self.at;
        if let Some(bound) = &self.caller.session {
            bound.seen(now);
        }
        match self.link.on_text(now) {
            TextDecision::Close(reason) => Err(reason),
            TextDecision::TooFast(wait_ms) => {
                let reply = self.router.too_fast(&self.caller, frame, wait_ms);
                self.reply(reply)
            }
            TextDecision::Serve => self.accept(frame),
        }
    }

    /// Answers a message that may overtake others in the place where its answer is sent from; all
    /// others wait for their turn.
    fn accept(&mut self, frame: &str) -> Result<(), CloseReason> {
        let Self { router, caller, known, at, .. } = self;
        let looked = self
            .socket
            .text_with(ANSWER_ROOM, |out| router.accept(caller, known, frame, *at, out))?;
        match looked {
            Accepted::Answered(row, bind) => {
                self.batch.add(row);
                bind.map_or(Ok(()), |session| self.bind(session))
            }
            Accepted::Refused(row, reply) => {
                row.into_iter().for_each(|row| self.batch.add(row));
                self.reply(reply)
            }
            Accepted::Queued => {
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
            self.link.set_write_state(self.stuck, false, now);
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
                self.link.set_write_state(true, self.outbox.overflows(), now);
            }
            match self.link.on_time(now) {
                TimerDecision::Close(reason) => return Err(reason),
                TimerDecision::Wait(at) => {
                    self.alarm.set(now, at.saturating_sub(now).max(1));
                }
                TimerDecision::Ping => {
                    self.socket.ping();
                    self.flush(context)?;
                }
            }
        }
        Ok(())
    }
}

impl FrameHandler for Connection {
    fn frames(&mut self) -> &mut FrameStream {
        &mut self.socket
    }

    fn on_frame(&mut self, event: FrameEvent<'_>) -> Result<bool, CloseReason> {
        match event {
            FrameEvent::Text(text) => self.on_text(&text)?,
            FrameEvent::Ping(payload) => self.socket.pong(payload),
            FrameEvent::Pong => self.on_pong(),
            FrameEvent::Close(payload) => {
                self.socket.answer_close(payload);
                return Err(CloseReason::PeerGone);
            }
            FrameEvent::Part => {}
        }
        Ok(self.has_room() && self.socket.buffered() <= FLUSH_BYTES)
    }
}

/// Past this, what waits is written before more is made.
const FLUSH_BYTES: usize = 64 * 1024;
/// Frames that are read before other sockets get their turn.
const READS_MAX: usize = 64;
