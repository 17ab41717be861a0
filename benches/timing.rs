//! Whether the time of a refusal tells a known user from an unknown one: Welch's t over interleaved
//! samples of the running gateway. `cargo bench --bench timing` measures; above 4.5 it fails.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement may fail loudly")]

#[path = "../tests/suite/gateway.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod gateway;

use gateway::{Client, Home, PASSWORD};
use serde_json::{Value, json};
use tollgate::outside::clock::stopwatch;

/// Samples of each kind.
const SAMPLES: usize = 2_000;
/// From here on the two are told apart.
const T_MAX: f64 = 4.5;

/// Hashes of about a millisecond, and no lock that would end the measurement.
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
";

/// One way to be refused, for a known user or for none.
type Attempt = fn(known: bool, number: usize) -> Value;

const ATTEMPTS: &[(&str, &str, Attempt)] = &[
    ("login, uniform errors", "uniform", |known, number| {
        let user = if known { "known.user" } else { "unknown.one" };
        json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": number,
            "DETAILS": { "USER_NAME": user, "PASSWORD": "wrong" } })
    }),
    ("login, specific errors", "specific", |known, number| {
        let user = if known { "known.user" } else { "unknown.one" };
        json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": number,
            "DETAILS": { "USER_NAME": user, "PASSWORD": "wrong" } })
    }),
    ("change of a password", "uniform", |known, number| {
        let user = if known { "known.user" } else { "unknown.one" };
        json!({ "MESSAGE_TYPE": "EVENT_CHANGE_USER_PASSWORD", "SOURCE_REF": number,
            "DETAILS": { "USER_NAME": user, "OLD_PASSWORD": "wrong", "NEW_PASSWORD": "x" } })
    }),
];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut told = false;
    for (name, errors, attempt) in ATTEMPTS {
        let [known, unknown] = runtime.block_on(measure(errors, *attempt));
        let t = welch(&known, &unknown);
        println!(
            "{name}: |t| = {:.2}; median {:.1} us known, {:.1} us unknown ({SAMPLES} samples each)",
            t.abs(),
            median(&known),
            median(&unknown)
        );
        told |= t.abs() >= T_MAX;
    }
    if told {
        eprintln!("time tells a known user from an unknown one");
        std::process::exit(1);
    }
}

/// Microseconds of answers for a known user and for none, interleaved.
async fn measure(errors: &str, attempt: Attempt) -> [Vec<f64>; 2] {
    let home = Home::new(&format!("security.login_errors = '{errors}'\n{CONFIGURATION}"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "known.user", "PASSWORD": "Crescent-1" });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 0, "DETAILS": user });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    let mut client = Client::connect(gateway.address).await;
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..SAMPLES + 100 {
        // Neither is always the first of a pair.
        for known in [number % 2 == 0, number % 2 == 1] {
            let watch = stopwatch();
            let answer = client.ask(attempt(known, 2 * number + usize::from(known))).await;
            let took = watch.elapsed_secs() * 1e6;
            assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_NACK"), "{answer}");
            if number >= 100 {
                times[usize::from(!known)].push(took);
            }
        }
    }
    times
}

/// Welch's t, after the slowest twentieth was cut from both: that is the machine's, not ours.
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
