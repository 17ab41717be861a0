//! `calibrate`: what a password hash costs on this machine, and what to configure for a wanted
//! time.

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use protocol::Password;

use crate::outside::clock::stopwatch;
use crate::outside::passwords::{Cost, Passwords};

/// How long a hash may take, and how much memory.
#[derive(Args)]
pub(super) struct Calibrate {
    /// Milliseconds that one hash should take, at most
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    target_ms: u32,
    /// Megabytes that one hash may take
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    memory_mb: u32,
}

/// The block size that everybody recommends.
const R: u32 = 8;
/// log_n and the fewest repetitions that OWASP's cheat sheet calls enough (r = 8).
const LEAST: [(u8, u32); 8] =
    [(13, 10), (14, 5), (15, 3), (16, 2), (17, 1), (18, 1), (19, 1), (20, 1)];
/// Hashes whose median is taken.
const RUNS: usize = 5;

/// One cost that takes about the wanted time.
struct Measured {
    cost: Cost,
    ms: f64,
    least: u32,
}

impl Calibrate {
    pub(super) fn run(&self) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = threads.saturating_sub(1).max(1);
        let fits =
            |log_n: u8| (1_u64 << log_n) * u64::from(R) * 128 <= u64::from(self.memory_mb) << 20;
        let bar = ProgressBar::new(LEAST.len() as u64);
        let mut all = Vec::new();
        for (log_n, least) in LEAST.into_iter().filter(|(log_n, _)| fits(*log_n)) {
            let once = median_ms(Cost { log_n, r: R, p: 1 });
            if once > f64::from(self.target_ms) && !all.is_empty() {
                break;
            }
            let p = ((f64::from(self.target_ms) / once) as u32).max(1);
            let cost = Cost { log_n, r: R, p };
            if cost.is_possible() {
                all.push(Measured { cost, ms: once * f64::from(p), least });
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        println!("log_n  r   p  memory     one hash  logins a second, {threads} threads");
        for Measured { cost, ms, least } in &all {
            let enough = if cost.p >= *least { "" } else { "  (below OWASP's recommendation)" };
            println!(
                "{:>5} {:>2} {:>3} {:>4} MiB  {:>8.1} ms  {:>8.1}{enough}",
                cost.log_n,
                cost.r,
                cost.p,
                memory_mib(*cost),
                ms,
                threads as f64 * 1_000.0 / ms
            );
        }
        self.propose(&all);
        Ok(())
    }

    /// The one with the most memory that is strong enough, else the strongest.
    fn propose(&self, all: &[Measured]) {
        let strong = all.iter().rev().find(|it| it.cost.p >= it.least);
        let Some(Measured { cost, least, .. }) = strong.or(all.last()) else { return };
        if cost.p < *least {
            println!(
                "\n# {} ms are too few for OWASP's recommendation on this machine",
                self.target_ms
            );
        }
        println!("\n[security.scrypt]\nlog_n = {}\nr = {}\np = {}", cost.log_n, cost.r, cost.p);
        println!(
            "# A login with an older hash gets one of this cost; a running gateway needs a restart."
        );
    }
}

fn memory_mib(cost: Cost) -> u64 {
    ((1_u64 << cost.log_n) * u64::from(cost.r) * 128) >> 20
}

fn median_ms(cost: Cost) -> f64 {
    let password = Password::new("a password to be measured");
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let watch = stopwatch();
            std::hint::black_box(Passwords::hash_now(cost, "", &password));
            watch.elapsed_secs() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2].max(0.001)
}
