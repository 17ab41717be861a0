//! PURE: one connection as a value — its deadlines, its rate, and why it is closed. Time is an
//! argument; the socket that it belongs to is somebody else's.

use super::close_reason::CloseReason;
use crate::net::rate_limit::{RateDecision, RequestRate};
use crate::realm::Millis;
/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Without a session it is closed after this time.
    pub login_timeout_ms: Millis,
    /// Messages a second; ten times as many close it.
    pub messages_per_sec: u32,
    /// A ping goes out at this distance; two unanswered ones close it.
    pub ping_interval_ms: Millis,
    /// A write that is stuck for this long closes it.
    pub write_timeout_ms: Millis,
}

/// What is to be done with a text frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextDecision {
    /// Serve it.
    Serve,
    /// Refuse it; the next is welcome after this time.
    RateLimited(Millis),
    /// Close the connection.
    Close(CloseReason),
}

/// What a deadline asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerDecision {
    /// Nothing; look again then.
    Wait(Millis),
    /// Send a ping.
    Ping,
    /// Close the connection.
    Close(CloseReason),
}

/// A reader behind whom more waits than may wait gets this part of the time of others.
const OVERFLOW_DIVISOR: Millis = 10;

/// One connection.
#[derive(Debug)]
pub struct ConnectionState {
    limits: ConnectionLimits,
    login_timer: LoginTimer,
    rate: RequestRate,
    ping_at: Millis,
    unanswered_pings: u32,
    blocked_write: Option<BlockedWrite>,
}

/// How long a connection may do without a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoginTimer {
    /// Until then.
    Until(Millis),
    /// The clock stands while a message is served: that much is left.
    Paused(Millis),
    /// A session is bound.
    Done,
}

/// A write that does not get through.
#[derive(Debug, Clone, Copy)]
struct BlockedWrite {
    since: Millis,
    /// More waits behind it than may wait: its time is shorter.
    outbox_overflows: bool,
}

impl ConnectionState {
    /// A connection that was opened at `now`.
    pub fn new(limits: ConnectionLimits, now: Millis) -> Self {
        Self {
            limits,
            login_timer: LoginTimer::Until(now + limits.login_timeout_ms),
            rate: RequestRate::new(limits.messages_per_sec, now),
            ping_at: now + limits.ping_interval_ms,
            unanswered_pings: 0,
            blocked_write: None,
        }
    }

    /// A text frame came.
    pub fn on_text(&mut self, now: Millis) -> TextDecision {
        match self.rate.count(now) {
            RateDecision::Serve => TextDecision::Serve,
            RateDecision::Refuse(wait_ms) => TextDecision::RateLimited(wait_ms),
            RateDecision::Flood(_) => TextDecision::Close(CloseReason::RateLimit),
        }
    }

    /// A pong came: the TCP connection lives.
    pub fn on_pong(&mut self) {
        self.unanswered_pings = 0;
    }

    /// The connection belongs to a session now.
    pub fn bind(&mut self) {
        self.login_timer = LoginTimer::Done;
    }

    /// A message is being served, or was: a login that waits for its hash stops the clock, and
    /// what was left of it is left.
    pub fn set_serving(&mut self, is_serving: bool, now: Millis) {
        self.login_timer = match self.login_timer {
            LoginTimer::Until(deadline) if is_serving => {
                LoginTimer::Paused(deadline.saturating_sub(now))
            }
            LoginTimer::Paused(left) if !is_serving => LoginTimer::Until(now + left),
            login => login,
        };
    }

    /// Whether the last write is stuck, and whether more waits behind it than may wait.
    pub fn set_write_state(&mut self, is_blocked: bool, outbox_overflows: bool, now: Millis) {
        let since = self.blocked_write.map_or(now, |blocked| blocked.since);
        self.blocked_write = is_blocked.then_some(BlockedWrite { since, outbox_overflows });
    }

    fn login_deadline(&self) -> Option<Millis> {
        if let LoginTimer::Until(deadline) = self.login_timer { Some(deadline) } else { None }
    }

    fn write_deadline(&self) -> Option<Millis> {
        let share =
            |blocked: BlockedWrite| if blocked.outbox_overflows { OVERFLOW_DIVISOR } else { 1 };
        self.blocked_write
            .map(|blocked| blocked.since + self.limits.write_timeout_ms / share(blocked))
    }

    /// What is due at `now`.
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
        // Behind a reader who is stuck more may come to wait than may.
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
        ping_interval_ms: 30_000,
        write_timeout_ms: 10_000,
    };

    #[test]
    fn a_connection_without_login_is_closed_on_time_and_a_hash_stops_the_clock() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { ping_interval_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(connection.on_timer(29_999), TimerDecision::Wait(30_000));
        assert_eq!(connection.on_timer(30_000), TimerDecision::Close(CloseReason::LoginTimeout));
        connection.set_serving(true, 29_000);
        assert!(matches!(connection.on_timer(40_000), TimerDecision::Wait(_)));
        connection.set_serving(false, 41_000);
        // What was left of it is left: messages do not buy time.
        assert_eq!(connection.on_timer(41_999), TimerDecision::Wait(42_000));
        assert_eq!(connection.on_timer(42_000), TimerDecision::Close(CloseReason::LoginTimeout));
        connection.bind();
        assert!(matches!(connection.on_timer(1_000_000), TimerDecision::Wait(_)));
    }

    #[test]
    fn too_fast_is_refused_and_ten_times_too_fast_is_closed() {
        let mut connection = ConnectionState::new(LIMITS, 0);
        let answers: Vec<_> = (0..51).map(|_| connection.on_text(400)).collect();
        assert_eq!(answers[4], TextDecision::Serve);
        assert_eq!(answers[5], TextDecision::RateLimited(600));
        assert_eq!(answers[49], TextDecision::RateLimited(600));
        assert_eq!(answers[50], TextDecision::Close(CloseReason::RateLimit));
        assert_eq!(connection.on_text(1_000), TextDecision::Serve);
    }

    #[test]
    fn two_unanswered_pings_are_a_dead_peer() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { login_timeout_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(connection.on_timer(30_000), TimerDecision::Ping);
        assert_eq!(connection.on_timer(60_000), TimerDecision::Ping);
        assert_eq!(connection.on_timer(90_000), TimerDecision::Close(CloseReason::PeerGone));
        connection.on_pong();
        assert_eq!(connection.on_timer(120_000), TimerDecision::Ping);
    }

    #[test]
    fn a_stuck_reader_is_closed_past_its_deadline() {
        let mut connection =
            ConnectionState::new(ConnectionLimits { login_timeout_ms: 1 << 40, ..LIMITS }, 0);
        connection.set_write_state(true, false, 1_000);
        connection.set_write_state(true, false, 5_000);
        assert_eq!(connection.on_timer(5_000), TimerDecision::Wait(6_000), "it is looked at again");
        assert_eq!(connection.on_timer(10_999), TimerDecision::Wait(11_000));
        assert_eq!(connection.on_timer(11_000), TimerDecision::Close(CloseReason::SlowConsumer));
        connection.set_write_state(false, false, 11_000);
        assert_eq!(connection.on_timer(11_001), TimerDecision::Wait(30_000));
        connection.set_write_state(true, true, 12_000);
        assert_eq!(connection.on_timer(12_999), TimerDecision::Wait(13_000));
        assert_eq!(connection.on_timer(13_000), TimerDecision::Close(CloseReason::SlowConsumer));
    }
}
