//! PURE: one connection as a value — its deadlines, its rate, and why it is closed. Time is an
//! argument; the socket that it belongs to is somebody else's.

use super::close_reason::CloseReason;
use crate::realm::Millis;
/// The limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Without a session it is closed after this time.
    pub login_wait_ms: Millis,
    /// Messages a second; ten times as many close it.
    pub per_second: u32,
    /// A ping goes out at this distance; two unanswered ones close it.
    pub ping_ms: Millis,
    /// A write that is stuck for this long closes it.
    pub stuck_ms: Millis,
}

/// What is to be done with a text frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextDecision {
    /// Serve it.
    Serve,
    /// Refuse it; the next is welcome after this time.
    TooFast(Millis),
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
const OVER_SHARE: Millis = 10;

/// One connection.
#[derive(Debug)]
pub struct ConnectionState {
    limits: ConnectionLimits,
    login: LoginTimer,
    window: Millis,
    in_window: u32,
    ping_at: Millis,
    unanswered: u32,
    stuck: Option<BlockedWrite>,
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
    is_over: bool,
}

impl ConnectionState {
    /// A connection that was opened at `now`.
    pub fn new(limits: ConnectionLimits, now: Millis) -> Self {
        Self {
            limits,
            login: LoginTimer::Until(now + limits.login_wait_ms),
            window: now,
            in_window: 0,
            ping_at: now + limits.ping_ms,
            unanswered: 0,
            stuck: None,
        }
    }

    /// A text frame came.
    pub fn on_text(&mut self, now: Millis) -> TextDecision {
        if now >= self.window + 1_000 {
            self.window = now;
            self.in_window = 0;
        }
        self.in_window = self.in_window.saturating_add(1);
        if self.in_window <= self.limits.per_second {
            TextDecision::Serve
        } else if self.in_window > self.limits.per_second.saturating_mul(10) {
            TextDecision::Close(CloseReason::RateLimit)
        } else {
            TextDecision::TooFast(self.window + 1_000 - now)
        }
    }

    /// A pong came: the TCP connection lives.
    pub fn on_pong(&mut self) {
        self.unanswered = 0;
    }

    /// The connection belongs to a session now.
    pub fn bind(&mut self) {
        self.login = LoginTimer::Done;
    }

    /// A message is being served, or was: a login that waits for its hash stops the clock, and
    /// what was left of it is left.
    pub fn set_serving(&mut self, busy: bool, now: Millis) {
        self.login = match self.login {
            LoginTimer::Until(by) if busy => LoginTimer::Paused(by.saturating_sub(now)),
            LoginTimer::Paused(left) if !busy => LoginTimer::Until(now + left),
            login => login,
        };
    }

    /// Whether the last write is stuck, and whether more waits behind it than may wait.
    pub fn set_write_state(&mut self, is_stuck: bool, is_over: bool, now: Millis) {
        let since = self.stuck.map_or(now, |stuck| stuck.since);
        self.stuck = is_stuck.then_some(BlockedWrite { since, is_over });
    }

    fn login_by(&self) -> Option<Millis> {
        if let LoginTimer::Until(by) = self.login { Some(by) } else { None }
    }

    fn stuck_by(&self) -> Option<Millis> {
        let share = |stuck: BlockedWrite| if stuck.is_over { OVER_SHARE } else { 1 };
        self.stuck.map(|stuck| stuck.since + self.limits.stuck_ms / share(stuck))
    }

    /// What is due at `now`.
    pub fn on_time(&mut self, now: Millis) -> TimerDecision {
        if self.login_by().is_some_and(|by| now >= by) {
            return TimerDecision::Close(CloseReason::LoginTimeout);
        }
        if self.stuck_by().is_some_and(|by| now >= by) {
            return TimerDecision::Close(CloseReason::SlowConsumer);
        }
        if now >= self.ping_at {
            self.ping_at = now + self.limits.ping_ms;
            if self.unanswered >= 2 {
                return TimerDecision::Close(CloseReason::PeerGone);
            }
            self.unanswered += 1;
            return TimerDecision::Ping;
        }
        // Behind a reader who is stuck more may come to wait than may.
        let again = self.stuck.filter(|stuck| !stuck.is_over);
        let again = again.map(|_| now + self.limits.stuck_ms / OVER_SHARE);
        let deadlines = [self.login_by(), self.stuck_by(), again, Some(self.ping_at)];
        TimerDecision::Wait(deadlines.into_iter().flatten().min().unwrap_or(self.ping_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        login_wait_ms: 30_000,
        per_second: 5,
        ping_ms: 30_000,
        stuck_ms: 10_000,
    };

    #[test]
    fn who_does_not_log_in_is_closed_on_time_and_a_hash_stops_the_clock() {
        let mut link = ConnectionState::new(ConnectionLimits { ping_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(link.on_time(29_999), TimerDecision::Wait(30_000));
        assert_eq!(link.on_time(30_000), TimerDecision::Close(CloseReason::LoginTimeout));
        link.set_serving(true, 29_000);
        assert!(matches!(link.on_time(40_000), TimerDecision::Wait(_)));
        link.set_serving(false, 41_000);
        // What was left of it is left: messages do not buy time.
        assert_eq!(link.on_time(41_999), TimerDecision::Wait(42_000));
        assert_eq!(link.on_time(42_000), TimerDecision::Close(CloseReason::LoginTimeout));
        link.bind();
        assert!(matches!(link.on_time(1_000_000), TimerDecision::Wait(_)));
    }

    #[test]
    fn too_fast_is_refused_and_ten_times_too_fast_is_closed() {
        let mut link = ConnectionState::new(LIMITS, 0);
        let answers: Vec<_> = (0..51).map(|_| link.on_text(400)).collect();
        assert_eq!(answers[4], TextDecision::Serve);
        assert_eq!(answers[5], TextDecision::TooFast(600));
        assert_eq!(answers[49], TextDecision::TooFast(600));
        assert_eq!(answers[50], TextDecision::Close(CloseReason::RateLimit));
        assert_eq!(link.on_text(1_000), TextDecision::Serve);
    }

    #[test]
    fn two_unanswered_pings_are_a_dead_peer() {
        let mut link =
            ConnectionState::new(ConnectionLimits { login_wait_ms: 1 << 40, ..LIMITS }, 0);
        assert_eq!(link.on_time(30_000), TimerDecision::Ping);
        assert_eq!(link.on_time(60_000), TimerDecision::Ping);
        assert_eq!(link.on_time(90_000), TimerDecision::Close(CloseReason::PeerGone));
        link.on_pong();
        assert_eq!(link.on_time(120_000), TimerDecision::Ping);
    }

    #[test]
    fn a_stuck_reader_is_closed_past_its_deadline() {
        let mut link =
            ConnectionState::new(ConnectionLimits { login_wait_ms: 1 << 40, ..LIMITS }, 0);
        link.set_write_state(true, false, 1_000);
        link.set_write_state(true, false, 5_000);
        assert_eq!(link.on_time(5_000), TimerDecision::Wait(6_000), "it is looked at again");
        assert_eq!(link.on_time(10_999), TimerDecision::Wait(11_000));
        assert_eq!(link.on_time(11_000), TimerDecision::Close(CloseReason::SlowConsumer));
        link.set_write_state(false, false, 11_000);
        assert_eq!(link.on_time(11_001), TimerDecision::Wait(30_000));
        link.set_write_state(true, true, 12_000);
        assert_eq!(link.on_time(12_999), TimerDecision::Wait(13_000));
        assert_eq!(link.on_time(13_000), TimerDecision::Close(CloseReason::SlowConsumer));
    }
}
