//! `calibrate`: measures password hashing on this host and suggests a configuration.

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use protocol::Password;

use crate::auth::{Cost, PasswordHasher};
use crate::platform::stopwatch;

/// The time and memory that one hash may take.
#[derive(Args)]
pub(super) struct CalibrateArgs {
    /// Maximum time of one hash, in milliseconds
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    target_ms: u32,
    /// Maximum memory of one hash, in MiB
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    memory_mb: u32,
}

/// The block size r of scrypt; 8 is the usual recommendation.
const R: u32 = 8;
/// The values of log_n that are measured.
const LOG_N: std::ops::RangeInclusive<u8> = 13..=20;
/// Number of hashes that are measured for one cost; their median is the result.
const RUNS: usize = 5;

/// A cost whose hash takes about the target time.
struct Measured {
    cost: Cost,
    ms: f64,
}

impl CalibrateArgs {
    pub(super) fn run(&self) -> Result<()> {
        let threads = crate::auth::thread_count(0);
        let bar = ProgressBar::new(LOG_N.count() as u64);
        let mut all = Vec::new();
        for log_n in LOG_N {
            let once = Cost { log_n, r: R, p: 1 };
            if once.memory_bytes() > u64::from(self.memory_mb) << 20 {
                break;
            }
            let once = median_ms(once);
            if once > f64::from(self.target_ms) && !all.is_empty() {
                break;
            }
            let p = ((f64::from(self.target_ms) / once) as u32).max(1);
            let cost = Cost { log_n, r: R, p };
            if cost.is_possible() {
                all.push(Measured { cost, ms: once * f64::from(p) });
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        println!("log_n  r   p  memory     one hash  logins/s with {threads} threads");
        for Measured { cost, ms } in &all {
            let remark = if cost.is_recommended() { "" } else { "  (below the OWASP minimum)" };
            println!(
                "{:>5} {:>2} {:>3} {:>4} MiB  {:>8.1} ms  {:>8.1}{remark}",
                cost.log_n,
                cost.r,
                cost.p,
                cost.memory_bytes() >> 20,
                ms,
                threads as f64 * 1_000.0 / ms
            );
        }
        self.propose(&all);
        Ok(())
    }

    /// Suggests the cost with the most memory, if possible one that OWASP recommends.
    fn propose(&self, all: &[Measured]) {
        let strong = all.iter().rfind(|it| it.cost.is_recommended());
        let Some(Measured { cost, .. }) = strong.or(all.last()) else {
            println!("\n# {} MiB are too little for a hash; raise --memory-mb", self.memory_mb);
            return;
        };
        if !cost.is_recommended() {
            println!(
                "\n# {} ms are too short for the OWASP minimum on this host; raise --target-ms",
                self.target_ms
            );
        }
        println!("\n[security.scrypt]\nlog_n = {}\nr = {}\np = {}", cost.log_n, cost.r, cost.p);
        println!(
            "# Restart the gateway to apply the values. The next login of each user rehashes the \
             password."
        );
    }
}

fn median_ms(cost: Cost) -> f64 {
    let password = Password::new("a password to be measured");
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let watch = stopwatch();
            std::hint::black_box(PasswordHasher::hash_now(cost, "", &password));
            watch.elapsed_secs() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2].max(0.001)
}
