//! Connection state: deadlines, message rate, and the decision to close.
//!
//! PURE: no I/O, and time is an argument. `connection.rs` owns the socket.

use super::close_reason::CloseReason;
use crate::net::rate_limit::{RateDecision, RequestRate};
use crate::realm::Millis;

/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// A connection without a session is closed after this time.
    pub login_timeout_ms: Millis,
    /// Allowed messages per second. More than ten times as many messages close the connection.
    pub messages_per_sec: u32,
    /// Allowed frames per second until a session is bound. More frames close the connection.
    pub unbound_frames_per_sec: u32,
    /// Interval of pings. If two pings are unanswered when the next ping is due, the connection is
    /// closed.
    pub ping_interval_ms: Millis,
    /// A write that is blocked for this long closes the connection.
    pub write_timeout_ms: Millis,
}

/// The decision on a text frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextDecision {
    /// Serve the message.
    Serve,
    /// Refuse the message; messages are served again after this time.
    RateLimited(Millis),
    /// Close the connection.
    Close(CloseReason),
}

/// The result of a check of the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerDecision {
    /// Nothing is due; check again at this time.
    Wait(Millis),
    /// Send a ping.
    Ping,
    /// Close the connection.
    Close(CloseReason),
}

/// The write timeout is divided by this number while the outbox exceeds its limit.
const OVERFLOW_DIVISOR: Millis = 10;

/// The deadlines and the message rate of one connection.
#[derive(Debug)]
pub struct ConnectionState {
    limits: ConnectionLimits,
    login_timer: LoginTimer,
    rate: RequestRate,
    /// `None` if a session is bound.
    unbound_frame_rate: Option<RequestRate>,
    ping_at: Millis,
    unanswered_pings: u32,
    blocked_write: Option<BlockedWrite>,
}

/// The login timeout: how long a connection may remain without a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoginTimer {
    /// Until this time.
    Until(Millis),
    /// Paused while a message is handled; this much time remains.
    Paused(Millis),
    /// A session is bound.
    Done,
}

/// A write that the socket does not accept.
#[derive(Debug, Clone, Copy)]
struct BlockedWrite {
    since: Millis,
    /// Whether the outbox exceeds its limit, which shortens the write timeout.
    outbox_overflows: bool,
}

impl ConnectionState {
    /// Creates the state of a connection that was opened at `now`.
    pub fn new(limits: ConnectionLimits, now: Millis) -> Self {
        Self {
            limits,
            login_timer: LoginTimer::Until(now + limits.login_timeout_ms),
            rate: RequestRate::new(limits.messages_per_sec, now),
            unbound_frame_rate: Some(RequestRate::new(limits.unbound_frames_per_sec, now)),
            ping_at: now + limits.ping_interval_ms,
            unanswered_pings: 0,
            blocked_write: None,
        }
    }

    /// Counts a frame of any kind; an error closes the connection.
    pub fn on_frame(&mut self, now: Millis) -> Result<(), CloseReason> {
        let Some(rate) = &mut self.unbound_frame_rate else { return Ok(()) };
        if rate.count(now) == RateDecision::Serve { Ok(()) } else { Err(CloseReason::RateLimit) }
    }

    /// Counts a received text frame and decides on it.
    pub fn on_text(&mut self, now: Millis) -> TextDecision {
        match self.rate.count(now) {
            RateDecision::Serve => TextDecision::Serve,
            RateDecision::Refuse(wait_ms) => TextDecision::RateLimited(wait_ms),
            RateDecision::Flood(_) => TextDecision::Close(CloseReason::RateLimit),
        }
    }

    /// Records a pong: the peer still answers.
    pub fn on_pong(&mut self) {
        self.unanswered_pings = 0;
    }

    /// Ends the login timeout and the limit of frames, because a session is bound.
    pub fn bind(&mut self) {
        self.login_timer = LoginTimer::Done;
        self.unbound_frame_rate = None;
    }

    /// Pauses the login timeout while a message is handled, because a login may wait for its
    /// password hash. Afterwards the timeout continues with the same remaining time.
    pub fn set_serving(&mut self, is_serving: bool, now: Millis) {
        self.login_timer = match self.login_timer {
            LoginTimer::Until(deadline) if is_serving => {
                LoginTimer::Paused(deadline.saturating_sub(now))
            }
            LoginTimer::Paused(left) if !is_serving => LoginTimer::Until(now + left),
            login => login,
        };
    }

    /// Records whether the last write is blocked, and whether the outbox exceeds its limit.
    pub fn set_write_state(&mut self, is_blocked: bool, outbox_overflows: bool, now: Millis) {
        let since = self.blocked_write.map_or(now, |blocked| blocked.since);
        self.blocked_write = is_blocked.then_some(BlockedWrite { since, outbox_overflows });
    }

    fn login_deadline(&self) -> Option<Millis> {
        if let LoginTimer::Until(deadline) = self.login_timer { Some(deadline) } else { None }
    }

    fn write_deadline(&self) -> Option<Millis> {
        let divisor =
            |blocked: BlockedWrite| if blocked.outbox_overflows { OVERFLOW_DIVISOR } else { 1 };
        self.blocked_write
            .map(|blocked| blocked.since + self.limits.write_timeout_ms / divisor(blocked))
    }

    /// Returns what is due at `now`, or the time of the next check.
    pub fn on_timer(&mut self, now: Millis) -> TimerDecision {
        if self.login_deadline().is_some_and(|deadline| now >= deadline) {
            return TimerDecision::Close(CloseReason::LoginTimeout);
        }
        if self.write_deadline().is_some_and(|deadline| now >= deadline) {
            return TimerDecision::Close(CloseReason::SlowConsumer);
        }
        if now >= self.ping_at {
            self.ping_at = now + self.limits.ping_interval_ms;
            if self.unanswered_pings >= 2 {
                return TimerDecision::Close(CloseReason::PeerGone);
            }
            self.unanswered_pings += 1;
            return TimerDecision::Ping;
        }
        // While a write is blocked, the outbox may grow beyond its limit. The write timeout is then
        // shorter, so the caller must check the outbox again.
        let recheck = self.blocked_write.filter(|blocked| !blocked.outbox_overflows);
        let recheck = recheck.map(|_| now + self.limits.write_timeout_ms / OVERFLOW_DIVISOR);
        let deadlines = [self.login_deadline(), self.write_deadline(), recheck, Some(self.ping_at)];
        TimerDecision::Wait(deadlines.into_iter().flatten().min().unwrap_or(self.ping_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        login_timeout_ms: 30_000,
        messages_per_sec: 5,
        unbound_frames_per_sec: 3,
        ping_interval_ms: 30_000,
        write_timeout_ms: 10_000,
    };

    #[test]
    fn a_connection_without_login_is_closed_and_serving_pauses_the_timeout() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { ping_interval_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(connection.on_timer(29_999), TimerDecision::Wait(30_000));
        assert_eq!(connection.on_timer(30_000), TimerDecision::Close(CloseReason::LoginTimeout));
        connection.set_serving(true, 29_000);
        assert!(matches!(connection.on_timer(40_000), TimerDecision::Wait(_)));
        connection.set_serving(false, 41_000);
        // The remaining second is unchanged: messages do not extend the timeout.
        assert_eq!(connection.on_timer(41_999), TimerDecision::Wait(42_000));
        assert_eq!(connection.on_timer(42_000), TimerDecision::Close(CloseReason::LoginTimeout));
        connection.bind();
        assert!(matches!(connection.on_timer(1_000_000), TimerDecision::Wait(_)));
    }

    #[test]
    fn messages_over_the_rate_are_refused_and_over_ten_times_the_rate_close() {
        let mut connection = ConnectionState::new(LIMITS, 0);
        let answers: Vec<_> = (0..51).map(|_| connection.on_text(400)).collect();
        assert_eq!(answers[4], TextDecision::Serve);
        assert_eq!(answers[5], TextDecision::RateLimited(600));
        assert_eq!(answers[49], TextDecision::RateLimited(600));
        assert_eq!(answers[50], TextDecision::Close(CloseReason::RateLimit));
        assert_eq!(connection.on_text(1_000), TextDecision::Serve);
    }

    #[test]
    fn too_many_frames_close_a_connection_until_a_session_is_bound() {
        let mut connection = ConnectionState::new(LIMITS, 0);
        assert!((0..3).all(|_| connection.on_frame(400).is_ok()));
        assert_eq!(connection.on_frame(999), Err(CloseReason::RateLimit));
        assert_eq!(connection.on_frame(1_000), Ok(()));
        connection.bind();
        assert!((0..100).all(|_| connection.on_frame(1_000).is_ok()));
    }

    #[test]
    fn two_unanswered_pings_close_the_connection() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { login_timeout_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(connection.on_timer(30_000), TimerDecision::Ping);
        assert_eq!(connection.on_timer(60_000), TimerDecision::Ping);
        assert_eq!(connection.on_timer(90_000), TimerDecision::Close(CloseReason::PeerGone));
        connection.on_pong();
        assert_eq!(connection.on_timer(120_000), TimerDecision::Ping);
    }

    #[test]
    fn a_blocked_write_closes_the_connection_after_its_timeout() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { login_timeout_ms: 1 << 40, ..LIMITS }, 0);
        connection.set_write_state(true, false, 1_000);
        connection.set_write_state(true, false, 5_000);
        assert_eq!(
            connection.on_timer(5_000),
            TimerDecision::Wait(6_000),
            "the outbox must be checked again before the write timeout"
        );
        assert_eq!(connection.on_timer(10_999), TimerDecision::Wait(11_000));
        assert_eq!(connection.on_timer(11_000), TimerDecision::Close(CloseReason::SlowConsumer));
        connection.set_write_state(false, false, 11_000);
        assert_eq!(connection.on_timer(11_001), TimerDecision::Wait(30_000));
        connection.set_write_state(true, true, 12_000);
        assert_eq!(connection.on_timer(12_999), TimerDecision::Wait(13_000));
        assert_eq!(connection.on_timer(13_000), TimerDecision::Close(CloseReason::SlowConsumer));
    }
}
