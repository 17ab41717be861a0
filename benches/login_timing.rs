//! Benchmark of response times, without valid credentials, for existing and unknown user names.
//!
//! Welch's t-test over interleaved samples of a running gateway shows whether the response time
//! reveals that a user exists. `cargo bench --bench login_timing` fails if |t| is 4.5 or more for a
//! request whose replies do not reveal this.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

#[path = "../tests/suite/harness/clients.rs"]
#[expect(dead_code, reason = "only the tests use all of it")]
mod clients;
#[path = "../tests/suite/harness/gateway.rs"]
#[expect(dead_code, reason = "only the tests use all of it")]
mod gateway;
#[path = "../tests/suite/harness/signals.rs"]
#[expect(dead_code, reason = "only the tests use all of it")]
mod signals;

use clients::Client;
use gateway::{Home, PASSWORD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate::platform::stopwatch;

/// The number of samples for each kind of user: existing and unknown.
const SAMPLES: usize = 2_000;
/// The |t| from which the two kinds of user count as distinguishable.
const T_MAX: f64 = 4.5;

/// Hashes take about a millisecond, and no account lock or rate limit affects the measurement.
const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
exempt_addresses = ['127.0.0.0/8']
messages_per_sec_per_connection = 1000000
[security.scrypt]
log_n = 9
p = 1
[security.genesis_password.retry]
max_attempts = 1000000
[security.genesis_password.self_service_reset]
[mail]
transport = 'file'
";

/// A kind of request without valid credentials, for an existing and for an unknown user.
struct Attempt {
    name: &'static str,
    /// The setting `security.login_errors`.
    errors: &'static str,
    /// Whether both users get equal replies. If so, the response times must be equal, too.
    is_alike: bool,
    message: fn(known: bool, number: usize) -> Value,
}

const ATTEMPTS: [Attempt; 6] = [
    Attempt {
        name: "login, uniform errors",
        errors: "uniform",
        is_alike: true,
        message: |known, number| event("EVENT_LOGIN_AUTH", login(known), number),
    },
    Attempt {
        name: "login, specific errors",
        errors: "specific",
        is_alike: false,
        message: |known, number| event("EVENT_LOGIN_AUTH", login(known), number),
    },
    Attempt {
        name: "password change, uniform errors",
        errors: "uniform",
        is_alike: true,
        message: |known, number| {
            let details = json!({ "USER_NAME": user(known), "OLD_PASSWORD": "wrong",
                "NEW_PASSWORD": "x" });
            event("EVENT_CHANGE_USER_PASSWORD", details, number)
        },
    },
    Attempt {
        name: "POST /auth/token, specific errors",
        errors: "specific",
        is_alike: true,
        message: |known, _| json!({ "login": user(known), "password": "wrong" }),
    },
    Attempt {
        name: "reset request",
        errors: "specific",
        is_alike: true,
        message: |known, number| {
            let details = json!({ "USER_NAME": user(known) });
            event("EVENT_SELF_SERVICE_PASSWORD_RESET", details, number)
        },
    },
    Attempt {
        name: "new password with a wrong token",
        errors: "specific",
        is_alike: true,
        message: |known, number| {
            let details = json!({ "USER_NAME": user(known), "RESET_TOKEN": "wrong",
                "NEW_PASSWORD": "Another-1" });
            event("EVENT_PASSWORD_RESET_ACTION", details, number)
        },
    },
];

fn user(known: bool) -> &'static str {
    if known { "known.user" } else { "unknown.one" }
}

fn login(known: bool) -> Value {
    json!({ "USER_NAME": user(known), "PASSWORD": "wrong" })
}

fn event(name: &str, details: Value, number: usize) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": number, "DETAILS": details })
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut is_revealed = false;
    for attempt in &ATTEMPTS {
        let [known, unknown] = runtime.block_on(measure(attempt));
        let t = welch(&known, &unknown);
        println!(
            "{}: |t| = {:.2}; median {:.1} us existing, {:.1} us unknown ({SAMPLES} samples each)",
            attempt.name,
            t.abs(),
            median(&known),
            median(&unknown)
        );
        is_revealed |= attempt.is_alike && t.abs() >= T_MAX;
    }
    if is_revealed {
        eprintln!("the response time reveals which users exist");
        std::process::exit(1);
    }
}

/// Measures the response times in microseconds for an existing and an unknown user, alternately.
async fn measure(attempt: &Attempt) -> [Vec<f64>; 2] {
    let errors = attempt.errors;
    let home = Home::new(&format!("security.login_errors = '{errors}'\n{CONFIGURATION}"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "known.user", "PASSWORD": "Crescent-1",
        "EMAIL_ADDRESS": "known@desk.example" });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 0, "DETAILS": user });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    let mut client = Client::connect(gateway.address).await;
    let mut http = TcpStream::connect(gateway.address).await.unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..SAMPLES + 100 {
        // Each kind of user is first in every second pair.
        for known in [number % 2 == 0, number % 2 == 1] {
            let watch = stopwatch();
            let message = (attempt.message)(known, 2 * number + usize::from(known));
            let answer = if message["MESSAGE_TYPE"].is_string() {
                client.ask(message).await
            } else {
                post(&mut http, &message).await
            };
            let took = watch.elapsed_secs() * 1e6;
            let code = answer["CODE"].as_str().or(answer["errorCode"].as_str());
            let refused = ["INCORRECT_CREDENTIALS", "UNKNOWN_ACCOUNT", "INVALID_TOKEN"];
            // A reset request is acknowledged for any name.
            assert!(code.is_none_or(|code| refused.contains(&code)), "{answer}");
            // The first 100 pairs warm up the gateway.
            if number >= 100 {
                times[usize::from(!known)].push(took);
            }
        }
    }
    times
}

/// Sends a request to `/auth/token` on a connection that stays open.
async fn post(http: &mut TcpStream, body: &Value) -> Value {
    let body = body.to_string();
    let head = format!(
        "POST /auth/token HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    http.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = http.read(&mut part).await.unwrap();
        answer.extend_from_slice(&part[..count]);
        let text = std::str::from_utf8(&answer).unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        match body.and_then(|body| serde_json::from_str(body).ok()) {
            Some(answer) => return answer,
            None => assert!(count > 0, "the connection ended before the response"),
        }
    }
}

/// Returns Welch's t. The slowest 5 % of each list are left out: they are noise of the host.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let [(mean_a, var_a), (mean_b, var_b)] = [a, b].map(|times| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 19 / 20);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean_a - mean_b) / (var_a + var_b).sqrt()
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
