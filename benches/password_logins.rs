//! Benchmark of password logins per second at the default cost, compared with the scrypt crate.
//!
//! Both use the same number of threads. `cargo bench --bench password_logins` measures both
//! alternately.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic if its setup fails")]

use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::{Password, UserName};
use tokio::runtime::Runtime;
use tollgate::auth::PasswordHasher;
use tollgate::gateway::{Gateway, startup};
use tollgate::messages::ClientInfo;
use tollgate::net::Client;
use tollgate::platform::{Clock, stopwatch};
use tollgate::realm::{Command, NewUser};
use tollgate::router::{Router, TokenCache};
use tollgate::settings::Settings;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(6);
/// The number of users who log in in a loop. On a host with at most 8 cores, it exceeds the number
/// of hash threads, so that hashes are queued.
const USERS: usize = 8;

fn user(number: usize) -> UserName {
    UserName::parse(&format!("u{number}")).unwrap()
}

fn password() -> Password {
    Password::new("Password-1")
}

fn router(runtime: &Runtime) -> Router {
    let settings = Settings::parse("[store]\nengine = 'memory'\n", std::iter::empty()).unwrap();
    let clock = Clock::system();
    let started = startup::start(&settings, Path::new("unused"), clock.clone()).unwrap();
    runtime.block_on(started.prepare(&settings, None)).unwrap();
    let hash: Arc<str> =
        PasswordHasher::hash_now(settings.security.scrypt.cost(), "", &password()).into();
    let new = |number| NewUser { credential: Some(hash.clone()), ..NewUser::named(user(number)) };
    let users = Command::AddUsers((0..USERS).map(new).collect());
    runtime.block_on(started.replica.submit(users)).unwrap();
    let keys = settings.keyring(Path::new("unused")).unwrap();
    Router::new(Gateway::new(settings, started.replica.clone(), clock, keys))
}

/// Measures complete logins through the router, per second.
fn logins(runtime: &Runtime, router: &Router) -> f64 {
    let (done, time) = (Arc::new(AtomicU64::new(0)), stopwatch());
    let login = |number: usize| {
        let (router, done) = (router.clone(), done.clone());
        let message = Client::login_message(user(number).as_str(), &password());
        async move {
            while time.elapsed() < ROUND {
                let address = IpAddr::from([127, 0, 0, 1]);
                let client = ClientInfo::rest(address, router.gateway().clock.now());
                let mut token_cache = TokenCache::default();
                let reply = router.answer(client, &mut token_cache, &message).await;
                assert!(reply.refused.is_none(), "{:?}", reply.refused);
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    runtime.block_on(async {
        let all: Vec<_> = (0..USERS).map(|number| tokio::spawn(login(number))).collect();
        futures_util::future::join_all(all).await;
    });
    done.load(Ordering::Relaxed) as f64 / time.elapsed_secs()
}

/// Measures hashes of the scrypt crate, per second.
fn hashes(threads: usize) -> f64 {
    let cost = Settings::default().security.scrypt.cost();
    let params = scrypt::Params::new(cost.log_n, cost.r, cost.p).unwrap();
    let (done, time) = (AtomicU64::new(0), stopwatch());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while time.elapsed() < ROUND {
                    let mut out = [0; 32];
                    scrypt::scrypt(b"Password-1", b"0123456789abcdef", &params, &mut out).unwrap();
                    black_box(out);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / time.elapsed_secs()
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let threads = tollgate::auth::thread_count(Settings::default().security.scrypt.threads);
    let router = router(&runtime);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (ours, plain) = (logins(&runtime, &router), hashes(threads));
        println!("{ours:.2} logins/s, {plain:.2} hashes/s on {threads} threads");
        ratios.push(ours / plain);
    }
    ratios.sort_by(f64::total_cmp);
    println!("logins / hashes, median: {:.2}", ratios[ROUNDS / 2]);
}
