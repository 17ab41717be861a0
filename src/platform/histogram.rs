//! A histogram of durations that counts a batch of messages in one step.
//!
//! `metrics::Histogram::record_many` does not replace it: in metrics 0.24 with the Prometheus
//! exporter 0.18 it records value by value, each kept until the exporter's upkeep. Measured on 2
//! shared cores, a batch of 64 records costs 5 ns here and 8 to 18 µs there, with another 5 to 8 µs
//! in the upkeep.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
/// Upper bounds of the histograms' buckets, in seconds.
pub const BUCKETS: &[f64] = &[
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01,
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Durations by bucket, and their sum.
pub struct Histogram {
    /// One for each bound, and one for what is above all.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Nothing yet.
    #[expect(clippy::new_without_default, reason = "a constant, for a table")]
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS.len() + 1],
            sum_ns: AtomicU64::new(0),
        }
    }

    /// So many took so long together: each an equal part.
    pub fn record(&self, count: u32, seconds: f64) {
        if count == 0 {
            return;
        }
        let each = seconds / f64::from(count);
        let at = BUCKETS.iter().position(|bound| each <= *bound).unwrap_or(BUCKETS.len());
        self.buckets[at].fetch_add(count.into(), Ordering::Relaxed);
        self.sum_ns.fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
    }

    /// Writes the lines of Prometheus' text format; nothing if there was nothing.
    pub fn write(&self, out: &mut String, name: &str, label: &str, value: &str) {
        let counts: Vec<u64> =
            self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return;
        }
        let bounds = BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut below = 0;
        for (bound, count) in bounds.zip(counts) {
            below += count;
            // Writing to a text does not fail.
            let _ = writeln!(out, "{name}_bucket{{{label}=\"{value}\",le=\"{bound}\"}} {below}");
        }
        let sum = self.sum_ns.load(Ordering::Relaxed) as f64 / 1e9;
        let _ = writeln!(out, "{name}_sum{{{label}=\"{value}\"}} {sum}");
        let _ = writeln!(out, "{name}_count{{{label}=\"{value}\"}} {all}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_written_as_prometheus_reads_it() {
        let timings = Histogram::new();
        let mut out = String::new();
        timings.write(&mut out, "s", "type", "A");
        assert_eq!(out, "");
        timings.record(0, 1.0);
        timings.record(4, 0.000_02);
        timings.record(1, 99.0);
        timings.write(&mut out, "s", "type", "A");
        let line = |line: &str| assert!(out.lines().any(|it| it == line), "{out}");
        line("s_bucket{type=\"A\",le=\"0.000005\"} 4");
        line("s_bucket{type=\"A\",le=\"10\"} 4");
        line("s_bucket{type=\"A\",le=\"+Inf\"} 5");
        line("s_count{type=\"A\"} 5");
        line("s_sum{type=\"A\"} 99.00002");
    }
}
