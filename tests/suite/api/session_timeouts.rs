//! Tests of session timeouts in virtual time: no session ends early or late.
//!
//! Time advances only where a test advances it. The replica runs on a blocking thread of the
//! runtime. While such a thread runs, tokio does not advance a paused clock by itself, so no time
//! passes while a command is processed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Password, UserName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate::auth::PasswordHasher;
use tollgate::gateway::Gateway;
use tollgate::gateway::tasks::spawn;
use tollgate::messages::ClientInfo;
use tollgate::platform::Clock;
use tollgate::realm::{Command, EndReason, NewUser, Realm};
use tollgate::replication::{MemoryLog, Replica};
use tollgate::router::{Reply, Router, TokenCache};
use tollgate::settings::Settings;
use tollgate::subscriptions::{ConnectionNotice, Outbox};

const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
exempt_addresses = ['127.0.0.0/8']
[heartbeat]
interval_secs = 30
misses_allowed = 3
[security]
session_timeout_mins = 30
[security.scrypt]
log_n = 4
p = 1
";
const START_MS: u64 = 1_800_000_000_000;
/// The time until a session ends for missed heartbeats: three intervals of 30 s.
const MISSED_MS: u64 = 90_000;
const IDLE_MS: u64 = 1_800_000;
const WARNING_MS: u64 = 60_000;
/// The accepted delay of a timer if few sessions are due.
const LATE_MS: u64 = 3;
const USERS: usize = 10;

/// A gateway without sockets.
struct Desk {
    router: Router,
    _tasks: Option<JoinSet<()>>,
}

/// One client: a connection, which a login binds to a session. Without an outbox it is a REST
/// client.
struct Gui {
    router: Router,
    client: ClientInfo,
    token_cache: TokenCache,
    token: Value,
}

impl Desk {
    /// Starts a gateway. Without background tasks no session is ended automatically.
    async fn open(with_tasks: bool) -> Self {
        let settings = Settings::parse(CONFIGURATION, std::iter::empty()).unwrap();
        let (clock, log) = (Clock::detached(START_MS), Arc::new(MemoryLog::default()));
        let replica = Arc::new(Replica::new(Realm::default(), 0, log, None, clock.clone()));
        let running = replica.clone();
        tokio::task::spawn_blocking(move || running.run());
        replica
            .submit(Command::SetPolicy(tollgate::gateway::policy::policy(&settings)))
            .await
            .unwrap();
        let hash =
            PasswordHasher::hash_now(settings.security.scrypt.cost(), "", &Password::new("p"));
        let user = |number| NewUser {
            credential: Some(hash.clone().into()),
            ..NewUser::named(UserName::parse(&format!("u{number}")).unwrap())
        };
        let users = (0..USERS).map(user).collect();
        replica.submit(Command::AddUsers(users)).await.unwrap();
        let gateway = Gateway::new(settings, replica, clock, None);
        let tasks = with_tasks.then(|| spawn::spawn_all(&gateway));
        Self { router: Router::new(gateway), _tasks: tasks }
    }

    fn now(&self) -> u64 {
        self.router.gateway().clock.now()
    }

    /// Waits until submitted commands are applied and woken tasks have run.
    async fn settle(&self) {
        for _ in 0..2 {
            for _ in 0..32 {
                tokio::task::yield_now().await;
            }
            // Commands are applied in order: when this command is applied, all earlier ones are.
            self.router
                .gateway()
                .replica
                .submit(Command::RecordSessionUse(Vec::new()))
                .await
                .unwrap();
        }
    }

    /// Advances the clock in steps of at most 1 s, so that timers in between fire on time.
    async fn pass(&self, mut left_ms: u64) {
        while left_ms > 0 {
            let step_ms = left_ms.min(1_000);
            tokio::time::advance(Duration::from_millis(step_ms)).await;
            self.settle().await;
            left_ms -= step_ms;
        }
    }

    fn connect(&self, outbox: Option<Arc<Outbox>>) -> Gui {
        let address = IpAddr::from([127, 0, 0, 1]);
        Gui {
            router: self.router.clone(),
            client: ClientInfo {
                address,
                outbox,
                session: None,
                connected_at: self.now(),
                token_api: false,
            },
            token_cache: TokenCache::default(),
            token: Value::Null,
        }
    }

    async fn login(&self, user: usize) -> Gui {
        let mut gui = self.connect(Some(Outbox::new(1 << 20)));
        gui.login(user).await;
        gui
    }

    /// Waits at most [`LATE_MS`] for the notice of a connection.
    async fn soon(&self, gui: &Gui) -> ConnectionNotice {
        for _ in 0..=LATE_MS {
            if let Some(notice) = gui.notice() {
                return notice;
            }
            self.pass(1).await;
        }
        panic!("no notice was received within {LATE_MS} ms");
    }
}

impl Drop for Desk {
    /// Stops the replica, because the runtime waits until the thread of the replica has ended.
    fn drop(&mut self) {
        self.router.gateway().replica.close();
    }
}

impl Gui {
    async fn login(&mut self, user: usize) {
        let details = json!({"USER_NAME": format!("u{user}"), "PASSWORD": "p"});
        let ack =
            self.request(json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "DETAILS": details})).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");
        self.token = ack["SESSION_AUTH_TOKEN"].clone();
    }

    /// Processes a message as a connection processes a frame, and returns the reply.
    async fn request(&mut self, message: Value) -> Value {
        let (gateway, text) = (self.router.gateway().clone(), message.to_string());
        let now = gateway.clock.now();
        if let Some(bound) = &self.client.session {
            bound.seen(now);
        }
        let (router, client) = (self.router.clone(), self.client.clone());
        let Reply { frame, bind, .. } = router.answer(client, &mut self.token_cache, &text).await;
        if let (Some(session), Some(outbox)) = (bind, &self.client.outbox) {
            if session.bind(outbox, now) {
                gateway.session_timeouts.add(&session, now);
            }
            self.client.session = Some(session);
        }
        serde_json::from_slice(&frame).unwrap()
    }

    async fn send(&mut self, message_type: &str) -> Value {
        let message = json!({"MESSAGE_TYPE": message_type, "SESSION_AUTH_TOKEN": self.token});
        self.request(message).await
    }

    /// Sends a message and checks that it is accepted.
    async fn served(&mut self, message_type: &str) {
        let answer = self.send(message_type).await;
        assert!(answer["ERROR"].is_null(), "{answer}");
        assert_ne!(answer["IS_AUTHENTICATED"], false, "{answer}");
    }

    fn notice(&self) -> Option<ConnectionNotice> {
        let notices = self.client.outbox.as_ref().unwrap().drain().notices;
        assert!(notices.len() <= 1, "{notices:?}");
        notices.into_iter().next()
    }

    fn assert_quiet(&self) {
        let notice = self.notice();
        assert!(notice.is_none(), "{notice:?}");
    }
}

fn reason(notice: ConnectionNotice) -> EndReason {
    match notice {
        ConnectionNotice::Ended(_, reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_ends_after_the_allowed_misses() {
    let desk = Desk::open(true).await;
    let (mut silent, mut alive) = (desk.login(0).await, desk.login(1).await);
    desk.pass(MISSED_MS - 1).await;
    silent.assert_quiet();
    alive.served("EVENT_HEARTBEAT").await;
    assert_eq!(reason(desk.soon(&silent).await), EndReason::HeartbeatMissed);
    let refused = silent.send("EVENT_HEARTBEAT").await;
    assert_eq!(refused["MESSAGE_TYPE"], "EVENT_HEARTBEAT_NACK", "{refused}");
    // Every message counts as a sign of life and restarts the time limit.
    for message_type in ["EVENT_HEARTBEAT", "HEARTBEAT_PING", "EVENT_LOGIN_DETAILS"] {
        alive.served(message_type).await;
        desk.pass(MISSED_MS - 1).await;
        alive.assert_quiet();
        alive.served(message_type).await;
    }
    desk.pass(MISSED_MS - 1).await;
    alive.assert_quiet();
    assert_eq!(reason(desk.soon(&alive).await), EndReason::HeartbeatMissed);
}

#[tokio::test(start_paused = true)]
async fn only_a_session_that_had_a_connection_misses_heartbeats() {
    let desk = Desk::open(true).await;
    let mut never = desk.connect(None);
    never.login(0).await;
    let mut gone = desk.login(1).await;
    let session = gone.client.session.take().unwrap();
    let outbox = gone.client.outbox.take().unwrap();
    session.unbind(&outbox);
    desk.pass(MISSED_MS - 1).await;
    assert!(!session.has_ended());
    desk.pass(1 + LATE_MS).await;
    assert!(session.has_ended());
    desk.pass(10 * MISSED_MS).await;
    never.served("EVENT_LOGIN_DETAILS").await;
    desk.pass(10 * MISSED_MS).await;
    never.served("EVENT_HEARTBEAT").await;
}

#[tokio::test(start_paused = true)]
async fn expiry_is_enforced_at_use_before_a_sweep() {
    let desk = Desk::open(false).await;
    let (mut used, mut unused, mut rest) =
        (desk.login(0).await, desk.login(1).await, desk.connect(None));
    rest.login(2).await;
    desk.pass(IDLE_MS - 1).await;
    used.served("EVENT_LOGIN_DETAILS").await;
    desk.pass(1).await;
    for late in [&mut unused, &mut rest] {
        let refused = late.send("EVENT_LOGIN_DETAILS").await;
        assert_eq!(refused["CODE"], "SESSION_EXPIRED", "{refused}");
    }
    used.served("EVENT_LOGIN_DETAILS").await;
    // The late message has ended its session.
    desk.settle().await;
    assert_eq!(unused.notice().map(reason), Some(EndReason::Idle));
    desk.pass(IDLE_MS - 1).await;
    used.served("EVENT_HEARTBEAT").await;
    desk.pass(1).await;
    let refused = used.send("EVENT_HEARTBEAT").await;
    assert_eq!(refused["CODE"], "SESSION_EXPIRED", "{refused}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_do_not_count_as_use_and_idle_expiry_is_announced() {
    let desk = Desk::open(true).await;
    let (mut unused, mut used) = (desk.login(0).await, desk.login(1).await);
    let begin = desk.now();
    let until = async |at_ms: u64| desk.pass(begin + at_ms - desk.now()).await;
    for at_ms in (30_000..IDLE_MS - WARNING_MS).step_by(30_000) {
        until(at_ms).await;
        unused.served(["EVENT_HEARTBEAT", "HEARTBEAT_PING"][at_ms as usize / 30_000 % 2]).await;
        used.served("EVENT_LOGIN_DETAILS").await;
    }
    until(IDLE_MS - WARNING_MS - 1).await;
    unused.assert_quiet();
    let warned = desk.soon(&unused).await;
    assert!(matches!(warned, ConnectionNotice::Expiring { in_secs: 60, .. }), "{warned:?}");
    for at_ms in [IDLE_MS - 30_000, IDLE_MS - 1] {
        until(at_ms).await;
        unused.assert_quiet();
        unused.served("EVENT_HEARTBEAT").await;
        used.served("EVENT_HEARTBEAT").await;
    }
    assert_eq!(reason(desk.soon(&unused).await), EndReason::Idle);
    used.assert_quiet();
    used.served("EVENT_LOGIN_DETAILS").await;
}

#[tokio::test(start_paused = true)]
async fn none_of_a_thousand_sessions_ends_early_or_late() {
    const SESSIONS: usize = 1_000;
    const SPREAD_MS: u64 = 10_000;
    const STEP_MS: u64 = 10;
    let desk = Desk::open(true).await;
    let mut rng = StdRng::seed_from_u64(1);
    let mut guis = Vec::new();
    for number in 0..SESSIONS {
        guis.push((rng.random_range(0..SPREAD_MS), desk.login(number % USERS).await));
    }
    guis.sort_by_key(|(at_ms, _)| *at_ms);
    let begin = desk.now();
    for (at_ms, gui) in &mut guis {
        desk.pass(begin + *at_ms - desk.now()).await;
        gui.served("EVENT_HEARTBEAT").await;
    }
    let mut slowest = 0;
    while desk.now() <= begin + SPREAD_MS + MISSED_MS + 1_000 {
        guis.retain(|(at_ms, gui)| {
            let Some(notice) = gui.notice() else { return true };
            assert_eq!(reason(notice), EndReason::HeartbeatMissed);
            let (now, due) = (desk.now(), begin + at_ms + MISSED_MS);
            assert!(now >= due, "a session ended {} ms early", due - now);
            slowest = slowest.max(now - due);
            false
        });
        let calm = desk.now() + 1_000 < begin + MISSED_MS;
        desk.pass(if calm { 1_000 } else { STEP_MS }).await;
    }
    assert!(guis.is_empty(), "{} sessions did not end", guis.len());
    println!("{SESSIONS} sessions ended at most {slowest} ms late");
    assert!(slowest <= 100, "a session ended {slowest} ms late");
}
