//! One WebSocket connection: a loop that reads, handles messages, pushes rows and checks deadlines.
//!
//! Queued messages are handled one after another; immediate messages are answered while reading.
//! While a write is blocked, the connection neither reads nor takes rows from the outbox, so that a
//! slow client delays only itself.

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
use super::request_queue::RequestQueue;
use super::timer::Timer;
use super::timing_batch::TimingBatch;
use crate::gateway::{Charge, Permits};
use crate::messages::{AfterReply, ClientInfo};
use crate::realm::{Millis, SessionNo};
use crate::router::{Accepted, Reply, Router, TokenCache};
use crate::sessions::LiveSession;
use crate::subscriptions::{ConnectionNotice, Outbox};

type PendingReply = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A connection: its stream, state, queues and bound session.
pub(super) struct Connection {
    pub(super) stream: FrameStream,
    pub(super) router: Router,
    pub(super) state: ConnectionState,
    pub(super) client: ClientInfo,
    pub(super) outbox: Arc<Outbox>,
    pub(super) token_cache: TokenCache,
    pub(super) queue: RequestQueue,
    pub(super) serving: Option<PendingReply>,
    pub(super) notices: VecDeque<ConnectionNotice>,
    /// Sessions other than the bound session that have subscriptions on this connection.
    pub(super) other_sessions: Vec<Arc<LiveSession>>,
    pub(super) timer: Timer,
    /// The bytes that this connection holds, counted until a session is bound.
    pub(super) charge: Charge,
    /// Whether the outbox has the waker of this task.
    waker_registered: bool,
    /// Whether a subscription was opened on this connection.
    pub(super) subscribed: bool,
    /// Whether publishing threads may write rows to the socket.
    pub(super) direct_write: bool,
    write_blocked: bool,
    /// When the current poll began.
    pub(super) polled_at: Millis,
    timing_batch: TimingBatch,
}

/// Buffer space reserved for an immediate reply, in bytes: enough for the reply to a heartbeat.
const REPLY_CAPACITY: usize = 384;

/// Serves one connection until it closes, and holds its permits until then.
pub fn serve(
    stream: FrameStream,
    router: Router,
    address: IpAddr,
    permits: Permits,
) -> impl Future<Output = ()> + Send {
    // Created outside the future: an argument of an `async fn` is stored twice in its future.
    let mut connection = Connection::new(stream, router, address, permits.0.account.charge());
    async move {
        metrics::gauge!("tollgate_connections").increment(1);
        let reason = connection.run().await;
        // Boxed, so that the future of an open connection does not include memory for the close.
        Box::pin(connection.close(reason)).await;
        metrics::gauge!("tollgate_connections").decrement(1);
        drop(permits);
    }
}

impl Connection {
    /// Makes the timer due now, because a deadline has changed.
    pub(super) fn wake_timer(&mut self) {
        self.timer.set(self.polled_at, 0);
    }

    fn new(stream: FrameStream, router: Router, address: IpAddr, charge: Charge) -> Self {
        let gateway = router.gateway().clone();
        let (limits, now) = (&gateway.settings().server.limits, gateway.clock.now());
        let outbox = Outbox::new(limits.outbox_bytes);
        gateway.connections.add(&outbox);
        let connection_limits = ConnectionLimits {
            login_timeout_ms: limits.login_timeout_secs * 1_000,
            messages_per_sec: limits.messages_per_sec_per_connection,
            unbound_frames_per_sec: limits.unauthenticated_frames_per_sec,
            ping_interval_ms: gateway.settings().heartbeat.interval_secs * 1_000,
            write_timeout_ms: limits.write_timeout_secs * 1_000,
        };
        Self {
            stream,
            state: ConnectionState::new(connection_limits, now),
            client: ClientInfo::websocket(address, outbox.clone(), now),
            outbox,
            token_cache: TokenCache::default(),
            queue: RequestQueue::new(limits),
            serving: None,
            notices: VecDeque::new(),
            other_sessions: Vec::new(),
            timer: Timer::due(),
            charge,
            waker_registered: false,
            subscribed: false,
            direct_write: false,
            write_blocked: false,
            polled_at: now,
            timing_batch: TimingBatch::new(),
            router,
        }
    }

    async fn run(&mut self) -> CloseReason {
        std::future::poll_fn(|context| match self.poll_once(context) {
            Ok(()) if self.is_exhausted(context) => Poll::Ready(CloseReason::Exhausted),
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        })
        .await
    }

    fn now(&self) -> Millis {
        self.router.gateway().clock.now()
    }

    /// Does all work that is possible now. Output is flushed at the end, and also whenever more
    /// than [`FLUSH_BYTES`] are buffered.
    fn poll_once(&mut self, context: &mut Context<'_>) -> Result<(), CloseReason> {
        let (now, watch) = self.router.gateway().clock.now_with_stopwatch();
        self.polled_at = now;
        self.timing_batch.begin(watch);
        self.withdraw_direct_write();
        if self.write_blocked && !self.flush(context)? {
            return self.poll_timer(context);
        }
        let mut reads = 0;
        loop {
            // Flushes before more output is produced, so that the buffer stays small.
            if self.stream.buffered() > FLUSH_BYTES && !self.flush(context)? {
                break;
            }
            if self.finish_request(context)?
                || self.handle_notice()?
                || self.poll_outbox(context)?
            {
                continue;
            }
            if reads == READS_MAX {
                // Yields to other connections; the wake-up lets this connection continue.
                context.waker().wake_by_ref();
                break;
            }
            if !self.read(context)? {
                break;
            }
            reads += 1;
        }
        self.timing_batch.flush();
        self.flush(context)?;
        self.poll_timer(context)?;
        self.offer_direct_write();
        Ok(())
    }

    /// If the reply to the message being handled is ready, sends the reply and starts the next
    /// message. If no message is being handled, only starts the next. Returns whether there was
    /// progress.
    fn finish_request(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        let Some(serving) = &mut self.serving else { return Ok(self.start_request()) };
        let Poll::Ready(reply) = serving.as_mut().poll(context) else { return Ok(false) };
        self.serving = None;
        self.queue.finish();
        let now = self.now();
        self.state.set_serving(false, now);
        if self.client.session.is_none() {
            // The login timeout, paused while the message was handled, runs again.
            self.wake_timer();
        }
        // Rows that were published before the reply are sent before it.
        self.drain_outbox()?;
        // The cache is set before `self.reply`, which clears the cache if the reply binds another
        // session.
        self.token_cache = reply.token_cache.clone();
        self.reply(reply)?;
        self.start_request();
        Ok(true)
    }

    fn start_request(&mut self) -> bool {
        // Notices are handled first: the session may have ended.
        if !self.notices.is_empty() {
            return false;
        }
        let Some(request) = self.queue.pop() else { return false };
        let now = self.now();
        self.state.set_serving(true, now);
        let (router, client) = (self.router.clone(), self.client.clone());
        let token_cache = self.token_cache.clone();
        self.serving =
            Some(Box::pin(async move { router.handle(client, token_cache, *request).await }));
        true
    }

    fn reply(&mut self, reply: Reply) -> Result<(), CloseReason> {
        if let Some(session) = reply.bind {
            self.bind(session)?;
        }
        if !matches!(reply.after_reply, AfterReply::NoReply) {
            self.stream.text(&reply.frame)?;
        }
        if let AfterReply::ReleaseSubscription(subscription, session) = reply.after_reply {
            self.watch_session(&session);
            self.subscribed = true;
            // A session that ended meanwhile gets no rows; `drain_outbox` ends the subscription.
            if !session.has_ended() {
                self.outbox.release(subscription);
            }
        }
        Ok(())
    }

    /// Handles one notice; returns false if none can be handled. Notices wait while a message is
    /// handled, so that the message is answered before the session's end closes the connection.
    fn handle_notice(&mut self) -> Result<bool, CloseReason> {
        if self.serving.is_some() {
            return Ok(false);
        }
        let Some(notice) = self.notices.pop_front() else { return Ok(false) };
        match notice {
            ConnectionNotice::Services(session, frame) if self.is_bound_to(session) => {
                self.stream.text(&frame)?;
            }
            ConnectionNotice::Expiring { session, in_secs } if self.is_bound_to(session) => {
                let body = serde_json::json!({ "DETAILS": { "IN_SECS": in_secs } });
                let frame = protocol::envelope::encode_value("SESSION_EXPIRING", None, &body);
                self.stream.text(&frame)?;
            }
            ConnectionNotice::Services(..) | ConnectionNotice::Expiring { .. } => {}
            ConnectionNotice::Ended(session, reason) => {
                if self.is_bound_to(session) {
                    return Err(CloseReason::Session(reason));
                }
                self.other_sessions.retain(|other_session| other_session.session != session);
            }
            ConnectionNotice::Shutdown => return Err(CloseReason::Shutdown),
        }
        Ok(true)
    }

    fn poll_outbox(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.waker_registered && !self.outbox.is_due() {
            return Ok(false);
        }
        self.waker_registered = true;
        match self.outbox.poll_due(context) {
            Poll::Ready(()) => self.drain_outbox(),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes the rows of the outbox and queues its notices. Subscriptions of an ended session end
    /// at once, even while a message is handled; only the close waits for the message's reply.
    fn drain_outbox(&mut self) -> Result<bool, CloseReason> {
        let ended =
            self.client.session.iter().chain(&self.other_sessions).filter(|it| it.has_ended());
        let ended: Vec<SessionNo> = ended.map(|it| it.session).collect();
        for session in ended {
            self.end_subscriptions(Some(session))?;
        }
        self.waker_registered = false;
        let drained = self.outbox.drain();
        self.notices.extend(drained.notices);
        drained.frames.into_iter().try_for_each(|frame| self.stream.text(&frame))?;
        Ok(true)
    }

    /// Reads once and handles the frames. Returns false if there is no input or the queue is full.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        Ok(self.queue.has_capacity() && frame_stream::poll_read(self, context)?)
    }

    fn on_pong(&mut self) {
        self.state.on_pong();
        let counts = self.router.gateway().settings().heartbeat.pong_counts;
        if let Some(bound) = self.client.session.as_ref().filter(|_| counts) {
            bound.seen(self.polled_at);
        }
    }

    fn on_text(&mut self, frame: &str) -> Result<(), CloseReason> {
        let now = self.polled_at;
        if let Some(bound) = &self.client.session {
            bound.seen(now);
        }
        match self.state.on_text(now) {
            TextDecision::Close(reason) => Err(reason),
            TextDecision::RateLimited(wait_ms) => {
                let reply = self.router.too_fast(&self.client, frame, wait_ms);
                self.reply(reply)
            }
            TextDecision::Serve => self.accept(frame),
        }
    }

    /// Answers an immediate message directly in the write buffer; queues any other message.
    fn accept(&mut self, frame: &str) -> Result<(), CloseReason> {
        let Self { router, client, token_cache, polled_at, .. } = self;
        let accepted = self.stream.text_with(REPLY_CAPACITY, |out| {
            router.accept(client, token_cache, frame, *polled_at, out)
        })?;
        match accepted {
            Accepted::Answered(handler, bind) => {
                self.timing_batch.add(handler);
                bind.map_or(Ok(()), |session| self.bind(session))
            }
            Accepted::Refused(handler, reply) => {
                handler.into_iter().for_each(|handler| self.timing_batch.add(handler));
                self.reply(*reply)
            }
            Accepted::Queued(request) => {
                self.stream.erase_frame();
                self.queue.push(request);
                Ok(())
            }
        }
    }

    /// Writes the buffered output; returns whether all of it is written.
    fn flush(&mut self, context: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.stream.is_flushed() {
            return Ok(true);
        }
        let was_blocked = self.write_blocked;
        self.write_blocked = match self.stream.poll_flush(context) {
            Poll::Pending => true,
            Poll::Ready(flushed) => flushed.map(|()| false)?,
        };
        if self.write_blocked != was_blocked {
            let now = self.now();
            self.state.set_write_state(self.write_blocked, false, now);
            self.wake_timer();
            // Polls again: after a blocked write, input that arrived meanwhile must be read.
            context.waker().wake_by_ref();
        }
        Ok(!self.write_blocked)
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Result<(), CloseReason> {
        while self.timer.is_due(self.polled_at, context) {
            let now = self.now();
            if self.write_blocked {
                self.state.set_write_state(true, self.outbox.overflows(), now);
            }
            match self.state.on_timer(now) {
                TimerDecision::Close(reason) => return Err(reason),
                TimerDecision::Wait(wake_at) => {
                    self.timer.set(now, wake_at.saturating_sub(now).max(1));
                }
                TimerDecision::Ping => {
                    self.stream.ping();
                    self.flush(context)?;
                }
            }
        }
        Ok(())
    }
}

impl FrameHandler for Connection {
    fn stream(&mut self) -> &mut FrameStream {
        &mut self.stream
    }

    fn on_frame(&mut self, event: FrameEvent<'_>) -> Result<bool, CloseReason> {
        self.state.on_frame(self.polled_at)?;
        match event {
            FrameEvent::Text(text) => self.on_text(&text)?,
            FrameEvent::Ping(payload) => self.stream.pong(payload),
            FrameEvent::Pong => self.on_pong(),
            FrameEvent::Close(payload) => {
                self.stream.answer_close(payload);
                return Err(CloseReason::PeerGone);
            }
            FrameEvent::Part => {}
        }
        Ok(self.queue.has_capacity() && self.stream.buffered() <= FLUSH_BYTES)
    }
}

/// Number of buffered output bytes above which the output is flushed before more input is read.
const FLUSH_BYTES: usize = 64 * 1024;
/// Maximum number of reads in one poll, so that other connections are polled, too.
const READS_MAX: usize = 64;
